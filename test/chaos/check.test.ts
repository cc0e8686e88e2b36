// The checker is itself checked: each forged history breaks one promise, and must be caught for it.
import { describe, expect, it } from 'vitest'
// @ts-expect-error the chaos tools are plain JavaScript, run by plain node
import { check } from './check.mjs'

interface Entry {
  at: number
  process: string
  type: string
  [fact: string]: unknown
}
interface History {
  entries: Entry[]
  kills: { process: string; at: number }[]
  records: Map<string, { state: string; token: number; attempt: number }>
  jobCount: number
}
interface Report {
  lost: number
  staleAccepted: number
  overlaps: number
  violations: { rule: string }[]
}

/** Two jobs: one runs through, one is cut by a kill, taken over, and completes. */
function goodHistory(): History {
  const at = (process: string, time: number, type: string, facts: Record<string, unknown>): Entry => ({ at: time, process, type, ...facts })
  return {
    jobCount: 2,
    kills: [{ process: 'worker-1', at: 50 }],
    records: new Map([
      ['a', { state: 'completed', token: 1, attempt: 1 }],
      ['b', { state: 'completed', token: 2, attempt: 1 }],
    ]),
    entries: [
      at('producer-0', 1, 'sent', { number: 0 }),
      at('producer-0', 2, 'acked', { number: 0, id: 'a' }),
      at('producer-0', 3, 'acked', { number: 1, id: 'b' }),
      at('worker-2', 10, 'started', { id: 'a', attempt: 1, token: 1 }),
      at('worker-2', 11, 'ended', { id: 'a', token: 1 }),
      at('worker-2', 12, 'accepted', { outcome: 'complete', id: 'a', token: 1 }),
      at('worker-1', 40, 'started', { id: 'b', attempt: 1, token: 1 }),
      at('worker-2', 60, 'started', { id: 'b', attempt: 1, token: 2 }),
      at('worker-2', 61, 'ended', { id: 'b', token: 2 }),
      at('worker-2', 62, 'accepted', { outcome: 'complete', id: 'b', token: 2 }),
    ],
  }
}

const FORGERIES: [name: string, rule: string, forge: (history: History) => void][] = [
  ['an acknowledged job is gone', 'S1', ({ records }) => records.delete('a')],
  ['an acknowledged job never ends', 'V1', ({ records }) => records.set('a', { state: 'running', token: 1, attempt: 1 })],
  ['a job nobody enqueued', 'S2', ({ records }) => records.set('c', { state: 'completed', token: 1, attempt: 1 })],
  ['two numbers share a job', 'S7', ({ entries }) => Object.assign(entries[2] as Entry, { id: 'a' })],
  [
    'a completion under an old token',
    'S4',
    ({ entries }) => entries.push({ at: 70, process: 'worker-1', type: 'accepted', outcome: 'complete', id: 'b', token: 1 }),
  ],
  ['two completions', 'S3', ({ entries }) => entries.push({ at: 70, process: 'worker-1', type: 'accepted', outcome: 'complete', id: 'b', token: 1 })],
  ['an attempt number that skips', 'S5', ({ entries }) => Object.assign(entries[7] as Entry, { attempt: 3 })],
  [
    'a retry that repeats its number',
    'S5',
    ({ entries }) => entries.push({ at: 45, process: 'worker-1', type: 'accepted', outcome: 'retry', id: 'b', token: 1 }),
  ],
  ['a run that starts before the last one ended', 'S6', ({ entries }) => Object.assign(entries[7] as Entry, { at: 45 })],
  ['a job that was never acknowledged', 'run did not', ({ entries }) => entries.splice(1, 1)],
]

describe('the checker of the chaos run', () => {
  it('finds nothing in a good history', () => {
    const report = check(goodHistory()) as Report
    expect(report.violations).toEqual([])
    expect(report).toMatchObject({ lost: 0, staleAccepted: 0, overlaps: 0 })
  })

  it.each(FORGERIES)('catches %s (%s)', (_name, rule, forge) => {
    const history = goodHistory()
    forge(history)
    const { violations } = check(history) as Report
    expect(violations.map((violation) => violation.rule).some((found) => found.startsWith(rule))).toBe(true)
  })
})
