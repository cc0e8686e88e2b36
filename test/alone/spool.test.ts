/** A spool before a broker without a state: what was spooled is pushed when the broker is back, and what it cannot keep is put aside. */
import { defineJob, type } from 'kerja/define'
import { expect, it } from 'vitest'
import { away, openSpoolStage, spoolPath, withOutage } from '../spool/support.js'
import { newPlace } from './support.js'

const job = defineJob({ kind: 'test.job', payload: type<object>() })
const keyed = defineJob({ kind: 'test.keyed', payload: type<object>(), unique: { key: () => 'one', while: 'waiting', whenTaken: 'skip' } })

it('sends what was spooled, due when it was to be', async () => {
  const place = newPlace()
  const outage = withOutage(place.open())
  const { kerja, until, drained } = openSpoolStage(outage.backend, { path: spoolPath() })
  outage.error = away()
  const plain = await kerja.enqueue(job, {})
  const refused = await kerja.enqueue(keyed, {})
  const runAt = new Date(place.clock.now() + 60_000)
  const later = await kerja.enqueue(job, {}, { runAt })
  expect([plain, refused, later].map(({ durability }) => durability)).toEqual(['spooled', 'spooled', 'spooled'])
  outage.error = null
  expect(await until('spool.aside')).toMatchObject({ jobId: refused.id, reason: 'refused', error: { code: 'UNSUPPORTED' } })
  await drained()
  const claim = async (): Promise<readonly string[]> => {
    const request = { workerId: 'w', limit: 10, queues: new Map([['default', 10]]), kinds: [{ kind: 'test.job', version: 1, leaseMs: null }] }
    const { jobs } = await outage.backend.queue.claim({ ...request, alone: false, expiredRetentionMs: 0 })
    return jobs.map(({ jobId }) => jobId)
  }
  expect(await claim()).toEqual([plain.id])
  place.clock.advance(60_000)
  expect(await claim()).toEqual([later.id])
})
