// A claim whose answer was lost is told from one whose answer is still to come, and from one that this worker has.
import { expect, it } from 'vitest'
import { createStrays } from './strays.js'

/** A worker that knows `known`, with one claim out since `claimAtMs`. */
function stage() {
  const world = { known: new Set<string>(), claimAtMs: Number.POSITIVE_INFINITY, now: 0, givenBack: [] as string[] }
  const strays = createStrays({
    holders: [{ has: () => false }, { has: (jobId) => world.known.has(jobId) }],
    claimer: { oldestClaimAtMs: () => world.claimAtMs },
    settler: { add: ({ lease, outcome }) => void world.givenBack.push(`${outcome} ${lease.jobId} ${lease.token}`), flush: () => undefined },
    logger: { warn: () => undefined },
    now: () => world.now,
  })
  const beat = (atMs: number, ...jobIds: string[]) => {
    world.now = atMs
    strays.look({ alive: true, held: jobIds.map((jobId) => ({ jobId, token: 3, cancelRequested: false })) })
    return world.givenBack.splice(0)
  }
  return { world, beat }
}

it('gives back what is held and unknown at two beats, once', () => {
  const { beat } = stage()
  expect(beat(0, 'a')).toEqual([])
  expect(beat(2_000, 'a', 'b')).toEqual(['release a 3'])
  expect(beat(4_000, 'b')).toEqual(['release b 3'])
  expect(beat(6_000)).toEqual([])
})

it('leaves alone what this worker knows', () => {
  const { world, beat } = stage()
  world.known.add('a')
  for (const atMs of [0, 2_000, 4_000]) expect(beat(atMs, 'a')).toEqual([])
})

it('leaves alone what a claim under way may bring, however long that takes', () => {
  const { world, beat } = stage()
  world.claimAtMs = 1_000
  for (const atMs of [2_000, 4_000, 6_000]) expect(beat(atMs, 'a')).toEqual([])
  // It came back without it, and another was sent.
  world.claimAtMs = 7_000
  expect(beat(8_000, 'a')).toEqual(['release a 3'])
})

it('begins anew with what was settled between two beats', () => {
  const { beat } = stage()
  expect(beat(0, 'a')).toEqual([])
  expect(beat(2_000)).toEqual([])
  expect(beat(4_000, 'a')).toEqual([])
})
