import { describe, expect, it } from 'vitest'
import { createFloors } from './floors.js'

const NONE = Array<number>(10).fill(-1)

describe('floors', () => {
  it('stand at the last place claimed, each priority apart', () => {
    const floors = createFloors()
    for (const [runAt, seq] of [
      [5, 9],
      [7, 2],
      [7, 1],
    ] as const)
      floors.claimed(0, 1, 2, runAt, seq)
    floors.claimed(0, 1, 4, 3, 3)
    expect(floors.of(1)).toEqual([-1, -1, -1, -1, 7, 2, -1, -1, 3, 3])
    expect(floors.of(2)).toEqual(NONE)
  })

  it('are lifted by a sweep, and a claim sent before it does not bring them back', () => {
    const floors = createFloors()
    const before = floors.round()
    floors.claimed(before, 1, 0, 5, 5)
    const since = floors.lift()
    floors.claimed(before, 1, 0, 6, 6)
    expect(floors.of(1)).toEqual(NONE)
    floors.claimed(since, 1, 0, 2, 2)
    expect(floors.of(1).slice(0, 2)).toEqual([2, 2])
  })

  it('hold for a second while claims come back full, and for no claim otherwise', () => {
    const floors = createFloors()
    floors.swept(1_000, 1)
    floors.swept(1_000, 1)
    floors.came(true)
    expect([floors.sweepDue(1_999), floors.sweepDue(2_000)]).toEqual([false, true])
    floors.came(false)
    expect(floors.sweepDue(1_020)).toBe(true)
  })

  it('keep sweeps that cost much below a twentieth of the time, once two have', () => {
    const floors = createFloors()
    floors.swept(0, 200)
    expect(floors.sweepAllowed(0)).toBe(true)
    floors.swept(0, 100)
    expect([floors.sweepAllowed(1_999), floors.sweepAllowed(2_000)]).toEqual([false, true])
  })
})
