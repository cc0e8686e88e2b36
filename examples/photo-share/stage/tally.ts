/** Counts of what happens while the demo runs, and the times that requests took. */
import type { Told, ToldName } from '../app/tell-parent.js'

/** What a request is, as the summary tells them apart. */
export const REQUEST_GROUPS = ['upload', 'inline', 'other'] as const
export type RequestGroup = (typeof REQUEST_GROUPS)[number]

export interface Tally {
  /** Notes a request's time. */
  request(group: RequestGroup, tookMs: number): void
  /** A request that was answered otherwise than it should be. */
  surprise(what: string): void
  event(told: Told): void
  times(group: RequestGroup): readonly number[]
  readonly surprises: readonly string[]
  count(name: ToldName): number
  /** Inline requests that failed because the mail server did. */
  inlineFailures: number
  /** Requests sent a second time with the same Idempotency-Key, and answered with the same job. */
  repeats: number
  /** Failures by what they said, most frequent first. */
  failures(): readonly { readonly message: string; readonly count: number }[]
}

export function createTally(): Tally {
  const times: Record<RequestGroup, number[]> = { upload: [], inline: [], other: [] }
  const surprises: string[] = []
  const counts = new Map<string, number>()
  const messages = new Map<string, number>()
  const add = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1)

  return {
    request: (group, tookMs) => void times[group].push(tookMs),
    surprise: (what) => void surprises.push(what),
    event: ({ name, kind, detail }) => {
      add(counts, name)
      if (name === 'job.retried' && detail !== null) add(messages, `${kind}: ${detail}`)
    },
    times: (group) => times[group],
    surprises,
    count: (name) => counts.get(name) ?? 0,
    inlineFailures: 0,
    repeats: 0,
    failures: () => [...messages].map(([message, count]) => ({ message, count })).sort((a, b) => b.count - a.count),
  }
}

/** The value that `share` (0.5, 0.99) of the values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}
