// Acknowledgements: the fewest frames, and never one for a message that is not due.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAcknowledgements } from './acknowledgements.js'

describe('acknowledgements', () => {
  it('are one frame for all up to a tag', () => {
    const { of } = createAcknowledgements()
    expect(of([1, 2, 3])).toEqual([{ tag: 3, multiple: true }])
    expect(of([5, 4])).toEqual([{ tag: 5, multiple: true }])
  })

  it('are one by one beyond a gap, and name no tag twice when it closes', () => {
    const acknowledgements = createAcknowledgements()
    expect(acknowledgements.of([2, 4])).toEqual([
      { tag: 2, multiple: false },
      { tag: 4, multiple: false },
    ])
    expect(acknowledgements.of([1, 2])).toEqual([{ tag: 1, multiple: true }])
    expect(acknowledgements.of([3])).toEqual([{ tag: 3, multiple: true }])
    expect(acknowledgements.of([3, 4])).toEqual([])
    expect(acknowledgements.count).toBe(4)
  })

  it('leave out what was given back, which is dealt with', () => {
    const acknowledgements = createAcknowledgements()
    expect(acknowledgements.leaveOut(2)).toBe(true)
    expect(acknowledgements.leaveOut(2)).toBe(false)
    expect([1, 2, 3].map(acknowledgements.has)).toEqual([false, true, false])
    expect(acknowledgements.of([1, 2])).toEqual([{ tag: 1, multiple: true }])
    expect(acknowledgements.of([3])).toEqual([{ tag: 3, multiple: true }])
    expect(acknowledgements.leaveOut(1)).toBe(false)
  })

  it('acknowledge exactly what is due, as a broker understands them, in any order and with repetitions', () => {
    const batches = fc.array(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 12 }), { maxLength: 20 })
    fc.assert(
      fc.property(batches, (all) => {
        const acknowledgements = createAcknowledgements()
        const unacknowledged = new Set(Array.from({ length: 30 }, (_, index) => index + 1))
        const due = new Set<number>()
        for (const tags of all) {
          for (const tag of tags) due.add(tag)
          for (const { tag, multiple } of acknowledgements.of(tags)) {
            // A broker ends the channel on a tag that it does not know any more.
            if (!unacknowledged.has(tag)) return false
            for (const other of [...unacknowledged]) if (other === tag || (multiple && other < tag)) unacknowledged.delete(other)
          }
          if (30 - unacknowledged.size !== due.size || [...due].some((tag) => unacknowledged.has(tag))) return false
        }
        return acknowledgements.count === due.size
      }),
    )
  })
})
