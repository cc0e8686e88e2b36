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
interface Record_ {
  kind: string
  state: string
  token: number
  attempt: number
  payload: { number: number }
  asSent: boolean
  scheduledFor: number | null
}
interface History {
  entries: Entry[]
  kills: { process: string; at: number }[]
  records: Map<string, Record_>
  jobCount: number
  lives: { what: 'born' | 'ended'; id: string; key: string | null }[]
  ticks: { firstAt: number; endAt: number; everyMs: number }
  outages: { startedAt: number; endedAt: number }[]
  workUntil: number
}
interface Report {
  [count: string]: unknown
  violations: { rule: string }[]
}

const record = (kind: string, number: number, facts: Partial<Record_> = {}): Record_ => ({
  kind,
  state: 'completed',
  token: 1,
  attempt: 1,
  payload: { number },
  asSent: true,
  scheduledFor: null,
  ...facts,
})

/**
 * A plain job runs through; one under an idempotency key is sent twice, cut by a kill, taken over, and completes; two with one unique key come one
 * after the other; two ticks; an outage that worker-2 lives through.
 */
function goodHistory(): History {
  const at = (process: string, time: number, type: string, facts: Record<string, unknown> = {}): Entry => ({ at: time, process, type, ...facts })
  const run = (id: string, token: number, time: number): Entry[] => [
    at('worker-2', time, 'started', { id, attempt: 1, token }),
    at('worker-2', time + 1, 'ended', { id, token }),
    at('worker-2', time + 2, 'accepted', { outcome: 'complete', id, token }),
  ]
  const acks: [number, string][] = [
    [0, 'a'],
    [1, 'b'],
    [1, 'b'],
    [2, 'c'],
    [3, 'd'],
  ]
  return {
    jobCount: 4,
    kills: [{ process: 'worker-1', at: 50 }],
    records: new Map([
      ['a', record('chaos.plain', 0)],
      ['b', record('chaos.once', 1, { token: 2 })],
      ['c', record('chaos.unique', 2)],
      ['d', record('chaos.unique', 3)],
      ['t', record('chaos.tick', -1, { scheduledFor: 1_000 })],
      ['u', record('chaos.tick', -1, { scheduledFor: 2_000 })],
    ]),
    entries: [
      ...acks.flatMap(([number, id]) => [at('producer-0', 1, 'sent', { number }), at('producer-0', 2, 'acked', { number, id, duplicate: false })]),
      at('worker-2', 3, 'up'),
      ...run('a', 1, 10),
      at('worker-1', 40, 'started', { id: 'b', attempt: 1, token: 1 }),
      ...run('b', 2, 60),
      ...run('c', 1, 70),
      ...run('d', 1, 9_000),
      ...run('t', 1, 9_100),
      ...run('u', 1, 9_200),
    ],
    lives: [
      { what: 'born', id: 'c', key: 'k' },
      { what: 'ended', id: 'a', key: null },
      { what: 'ended', id: 'b', key: null },
      { what: 'ended', id: 'c', key: 'k' },
      { what: 'born', id: 'd', key: 'k' },
      { what: 'ended', id: 'd', key: 'k' },
      { what: 'ended', id: 't', key: null },
      { what: 'ended', id: 'u', key: null },
    ],
    ticks: { firstAt: 1_000, endAt: 3_000, everyMs: 1_000 },
    outages: [{ startedAt: 6_000, endedAt: 8_000 }],
    workUntil: 20_000,
  }
}

const find = ({ entries }: History, type: string, facts: Record<string, unknown>): Entry => {
  const found = entries.find((entry) => entry.type === type && Object.entries(facts).every(([name, value]) => entry[name] === value))
  if (found === undefined) throw new Error(`no entry ${type} ${JSON.stringify(facts)}`)
  return found
}
const change = ({ records }: History, id: string, facts: Partial<Record_>) => Object.assign(records.get(id) as Record_, facts)
const accepted = (outcome: string, token: number, at: number): Entry => ({ at, process: 'worker-1', type: 'accepted', outcome, id: 'b', token })

const FORGERIES: [name: string, rule: string, forge: (history: History) => unknown][] = [
  ['an acknowledged job is gone', 'S1', ({ records }) => records.delete('a')],
  ['an acknowledged job never ends', 'V1', (history) => change(history, 'a', { state: 'running' })],
  ['a job nobody enqueued', 'S2', ({ records }) => records.set('x', record('chaos.plain', 77))],
  ['a payload that is not what was sent', 'S2', (history) => change(history, 'a', { asSent: false })],
  ['a job that was stored twice', 'S7', ({ records }) => records.set('x', record('chaos.plain', 0))],
  ['two numbers share a job', 'S7', (history) => Object.assign(find(history, 'acked', { number: 1 }), { id: 'a' })],
  [
    'an idempotency key with two jobs',
    'S7',
    ({ entries, records }) => {
      entries.push({ at: 3, process: 'producer-0', type: 'acked', number: 1, id: 'x' })
      records.set('x', record('chaos.once', 1))
    },
  ],
  ['two live jobs under one unique key', 'S7', ({ lives }) => lives.splice(3, 2, ...lives.slice(3, 5).reverse())],
  ['a completion under an old token', 'S4', ({ entries }) => entries.push(accepted('complete', 1, 70))],
  ['a token used twice', 'S4', (history) => Object.assign(find(history, 'started', { id: 'b', token: 1 }), { token: 2 })],
  ['two completions', 'S3', ({ entries }) => entries.push(accepted('complete', 1, 70))],
  ['a job that the store ended twice', 'S3', ({ lives }) => lives.push({ what: 'ended', id: 'a', key: null })],
  ['an attempt number that skips', 'S5', (history) => Object.assign(find(history, 'started', { id: 'b', token: 2 }), { attempt: 3 })],
  ['a retry that repeats its number', 'S5', ({ entries }) => entries.push(accepted('retry', 1, 45))],
  ['a run that starts before the last one ended', 'S6', (history) => Object.assign(find(history, 'started', { id: 'b', token: 2 }), { at: 45 })],
  ['a lost tick', 'S10', ({ records }) => records.delete('u')],
  ['a doubled tick', 'S10', ({ records }) => records.set('v', record('chaos.tick', -1, { scheduledFor: 2_000 }))],
  ['a job between two ticks', 'S10', ({ records }) => records.set('v', record('chaos.tick', -1, { scheduledFor: 1_500 }))],
  ['a worker that does not come back after an outage', 'V2', ({ outages }) => Object.assign(outages[0] as object, { endedAt: 9_500 })],
  ['a job that was never acknowledged', 'run did not', ({ entries }) => entries.splice(1, 1)],
]

describe('the checker of the chaos run', () => {
  it('finds nothing in a good history', () => {
    const report = check(goodHistory()) as Report
    expect(report.violations).toEqual([])
    const none = { lost: 0, staleAccepted: 0, settledTwice: 0, overlaps: 0, uniqueViolated: 0, ticksLost: 0, ticksDoubled: 0 }
    expect(report).toMatchObject({ ...none, acked: 4, ticks: 2, kills: 1, recoveries: 1, recoveryMsMax: 1_000 })
  })

  it.each(FORGERIES)('catches %s (%s)', (_name, rule, forge) => {
    const history = goodHistory()
    forge(history)
    const { violations } = check(history) as Report
    expect(violations.map((violation) => violation.rule).some((found) => found.startsWith(rule))).toBe(true)
  })
})
