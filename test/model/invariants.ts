/** What must hold between any two looks at a store, whatever happened between them. */
import assert from 'node:assert/strict'
import type { Operation } from './operations.js'
import type { SeenJob } from './side.js'

const ENDED: ReadonlySet<string> = new Set(['completed', 'cancelled', 'failed'])

export function checkInvariants(before: readonly (SeenJob | null)[], after: readonly (SeenJob | null)[], operation: Operation): void {
  after.forEach((job, number) => {
    const earlier = before[number] ?? null
    if (job === null) {
      if (earlier !== null) assert.ok(operation.type === 'prune' || operation.type === 'remove', 'S1: a job is only forgotten on purpose')
      return
    }
    checkAttempts(job)
    if (earlier === null) return
    if (ENDED.has(earlier.state) && operation.type !== 'retry') assert.deepEqual(job, earlier, 'S3: what has ended does not change')
    assert.ok(job.token >= earlier.token, 'S4: the token never falls')
    if (job.token !== earlier.token) assert.equal(operation.type, 'claim', 'S4: only a claim raises the token')
    assert.ok(job.crashCount >= earlier.crashCount || operation.type === 'retry', 'S5: deaths are not forgotten')
  })
}

function checkAttempts(job: SeenJob): void {
  assert.ok(job.attempt >= 0, 'S5: refunds never exceed what was spent')
  assert.ok(job.attempt <= job.token, 'S5: every attempt is a claim')
  if (job.state === 'running') assert.ok(job.attempt >= 1, 'S5: what runs is an attempt')
}

/** S7, over the jobs of one store: `keyOf` says which key a pushed job has, and in which scope. */
export function checkKeys(
  jobs: readonly (SeenJob | null)[],
  keyOf: (number: number) => { readonly key: string; readonly scope: 'waiting' | 'live' } | null,
): void {
  const holders = new Map<string, string>()
  jobs.forEach((job, number) => {
    const unique = keyOf(number)
    if (job === null || unique === null || ENDED.has(job.state)) return
    if (job.state === 'running' && unique.scope === 'waiting') return
    assert.equal(holders.get(unique.key), undefined, `S7: key ${unique.key} is held by one job`)
    holders.set(unique.key, job.id)
  })
}
