/**
 * Which acknowledgements to send for the deliveries of one channel, whose tags count from 1. One frame for all up to a tag, where all of them are
 * due; never for one that is not. What lies beyond a gap is acknowledged one by one.
 */

export interface Acknowledgement {
  readonly tag: number
  /** This one and all before it. */
  readonly multiple: boolean
}

export interface Acknowledgements {
  /** How many are acknowledged so far. */
  readonly count: number
  /** What to send for these. Those that were acknowledged before are left out: the broker ends a channel on which that happens twice. */
  of(tags: readonly number[]): Acknowledgement[]
  has(tag: number): boolean
  /** This one is dealt with otherwise: it was given back. False: it was dealt with before. */
  leaveOut(tag: number): boolean
}

export function createAcknowledgements(): Acknowledgements {
  /** All up to here are acknowledged. */
  let upTo = 0
  /** Acknowledged beyond a gap. */
  const beyond = new Set<number>()
  const has = (tag: number): boolean => tag <= upTo || beyond.has(tag)

  return {
    has,
    leaveOut(tag) {
      if (has(tag)) return false
      beyond.add(tag)
      return true
    },
    get count() {
      return upTo + beyond.size
    },
    of(tags) {
      const due = [...new Set(tags)].filter((tag) => !has(tag)).sort((one, other) => one - other)
      const sent: Acknowledgement[] = []
      let position = 0
      for (;;) {
        if (due[position] === upTo + 1) position += 1
        else if (!beyond.delete(upTo + 1)) break
        upTo += 1
      }
      // The tag that is named must not be acknowledged yet: the last of those that are due now.
      if (position > 0) sent.push({ tag: due[position - 1] as number, multiple: true })
      for (const tag of due.slice(position)) {
        beyond.add(tag)
        sent.push({ tag, multiple: false })
      }
      return sent
    },
  }
}
