/** Statements over many jobs by their numbers. Jobs pushed together are mostly claimed and ended together: a range then costs less than a list. */

/** First and last of numbers that have none missing between them, in whatever order; null for others. The numbers must be distinct. */
export function rangeOf(seqs: readonly number[]): readonly [first: number, last: number] | null {
  if (seqs.length === 0) return null
  let first = seqs[0] as number
  let last = first
  for (const seq of seqs) {
    if (seq < first) first = seq
    else if (seq > last) last = seq
  }
  return last - first === seqs.length - 1 ? [first, last] : null
}
