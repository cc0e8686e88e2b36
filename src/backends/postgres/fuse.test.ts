// What shares a call, and what becomes of it when that call fails.
import { describe, expect, it } from 'vitest'
import type { ClaimRequest, ClaimResult } from '../../contract/backend.js'
import type { Settlement, SettleResult } from '../../contract/job.js'
import { KerjaError } from '../../errors.js'
import { createFuse } from './fuse.js'

const NOTHING: ClaimResult = { jobs: [], nextDueInMs: null, suspectsWait: false }
const request: ClaimRequest = { workerId: 'w', limit: 1, queues: new Map(), kinds: [], alone: false, expiredRetentionMs: 0 }
const ends = (...ids: readonly string[]): Settlement[] => ids.map((jobId) => ({ lease: { jobId, token: 1, handle: null }, outcome: 'release' }))
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Calls in the order they were made; each stays out until it is answered. */
function scripted() {
  const calls: { readonly name: string; readonly answer: () => void; readonly fail: (error: unknown) => void }[] = []
  const out = <T>(name: string, value: T): Promise<T> =>
    new Promise((resolve, reject) => {
      calls.push({ name, answer: () => resolve(value), fail: reject })
    })
  const idsOf = (settlements: readonly Settlement[]): string => settlements.map(({ lease }) => lease.jobId).join(' ')
  // 'a' is lost, all others are settled: so that each caller can be seen to get its own.
  const resultsOf = (settlements: readonly Settlement[]): SettleResult[] => settlements.map(({ lease }) => (lease.jobId === 'a' ? 'lost' : 'settled'))
  const fuse = createFuse({
    settle: (settlements) => out(`settle ${idsOf(settlements)}`, resultsOf(settlements)),
    claim: () => out('claim', NOTHING),
    both: (settlements) => out(`both ${idsOf(settlements)}`, { results: resultsOf(settlements), claimed: NOTHING }),
  })
  return { fuse, calls, names: () => calls.map(({ name }) => name) }
}

describe('settlements', () => {
  it('go out at once, two calls at a time; the rest goes together when one is back, each answered with its own', async () => {
    const { fuse, calls, names } = scripted()
    const results: Promise<readonly SettleResult[]>[] = []
    for (const id of ['x', 'y', 'a', 'b']) {
      results.push(fuse.settle(ends(id)))
      await turn()
    }
    expect(names()).toEqual(['settle x', 'settle y'])
    calls[1]?.answer()
    await turn()
    expect(names()).toEqual(['settle x', 'settle y', 'settle a b'])
    for (const { answer } of calls) answer()
    expect(await Promise.all(results)).toEqual([['settled'], ['settled'], ['lost'], ['settled']])
  })

  it('go with the next claim, however many calls are out', async () => {
    const { fuse, names } = scripted()
    for (const id of ['x', 'y', 'z']) {
      void fuse.settle(ends(id))
      await turn()
    }
    void fuse.claim(request)
    await turn()
    expect(names()).toEqual(['settle x', 'settle y', 'both z'])
  })

  it('are each tried alone when they failed together, and fail with a store that is away', async () => {
    const { fuse, calls, names } = scripted()
    const results = [fuse.settle(ends('a')), fuse.settle(ends('b'))]
    const claimed = fuse.claim(request)
    await turn()
    calls[0]?.fail(new Error('refused'))
    await turn()
    expect(names().slice(1).sort()).toEqual(['claim', 'settle a', 'settle b'])
    for (const { answer } of calls.slice(1)) answer()
    expect([await Promise.all(results), await claimed]).toEqual([[['lost'], ['settled']], NOTHING])
    const away = [fuse.settle(ends('a')), fuse.settle(ends('b'))]
    await turn()
    calls[4]?.fail(new KerjaError('BACKEND_UNAVAILABLE', 'away'))
    expect(await Promise.allSettled(away)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }])
    expect(calls).toHaveLength(5)
  })

  it('of very many are more than one call', async () => {
    const { fuse, names } = scripted()
    const many = Array.from({ length: 600 }, (_, index) => `${index}`)
    void fuse.settle(ends(...many))
    void fuse.settle(ends(...many))
    void fuse.claim(request)
    await turn()
    expect(names()).toHaveLength(1)
    expect(names()[0]?.split(' ')).toHaveLength(601)
  })
})
