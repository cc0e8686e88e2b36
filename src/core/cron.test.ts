import { describe, expect, it } from 'vitest'
import { compileRule, nextTick, planTicks, type TickPlanInput, type TickRule, validateRule } from './cron.js'
import { DEFAULTS } from './options.js'

const MINUTE = 60_000
const DAY = 86_400_000
const cron = (pattern: string, timeZone = 'UTC'): TickRule => ({ cron: pattern, everyMs: null, timeZone })
const every = (everyMs: number): TickRule => ({ cron: null, everyMs, timeZone: 'UTC' })
const at = (iso: string): number => Date.parse(iso)
const iso = (instant: number | null): string | null => (instant === null ? null : new Date(instant).toISOString())

describe('validateRule', () => {
  it.each(['* * * * *', '*/5 * * * * *', '0 9 * * MON-FRI', '0 0 L * *', '0 0 29 2 *', '0 0 * * 5#2', '@daily', '0 2 * * 7'])(
    'accepts %s',
    (pattern) => {
      validateRule(cron(pattern, 'Asia/Jakarta'), 'nightly')
    },
  )

  it('refuses patterns that no cron knows', () => {
    const patterns = [
      '',
      ' ',
      '* * * *',
      '0 0 0 1 1 * 2030',
      '*/0 * * * *',
      '60 * * * *',
      '0 24 * * *',
      '0 0 30 2 *',
      '0 0 31 4,6,9,11 *',
      '@reboot',
      'tomorrow',
      '2030-01-01T00:00:00',
      'h * * * *',
      '5/5 * * * *',
      '1,'.repeat(5_000),
      '"; drop table',
      '* * * * *\n* * * * *',
    ]
    for (const pattern of patterns) {
      expect(() => validateRule(cron(pattern), 'nightly')).toThrow(expect.objectContaining({ code: 'SCHEDULE_INVALID' }))
    }
  })

  it('refuses zones, intervals and combinations that cannot work', () => {
    const bad: TickRule[] = [
      cron('* * * * *', 'Mars/Olympus'),
      cron('* * * * *', ''),
      cron('* * * * *', '+02:00'),
      cron('* * * * *', 'x'.repeat(10_000)),
      { cron: '* * * * *', everyMs: null, timeZone: undefined as never },
      { cron: null, everyMs: null, timeZone: 'UTC' },
      { cron: '* * * * *', everyMs: 1_000, timeZone: 'UTC' },
      cron(5 as never),
      every(999),
      every(0),
      every(-1_000),
      every(1_000.5),
      every(Number.NaN),
      every(Number.POSITIVE_INFINITY),
    ]
    for (const rule of bad) expect(() => validateRule(rule, 'nightly')).toThrow(expect.objectContaining({ code: 'SCHEDULE_INVALID' }))
    expect(() => validateRule(cron('0 0 30 2 *'), 'nightly')).toThrow('Schedule "nightly" has the cron expression "0 0 30 2 *", which never ticks')
    validateRule(every(1_000), 'fast')
  })
})

describe('nextTick', () => {
  it('is strictly after, to the millisecond', () => {
    const rule = cron('* * * * *')
    expect(nextTick(rule, 0)).toBe(MINUTE)
    expect(nextTick(rule, 1)).toBe(MINUTE)
    expect(nextTick(rule, MINUTE - 1)).toBe(MINUTE)
    expect(nextTick(rule, MINUTE)).toBe(2 * MINUTE)
    expect(() => nextTick(cron('0 0 30 2 *'), 0)).toThrow(expect.objectContaining({ code: 'SCHEDULE_INVALID' }))
  })

  it('anchors intervals at 1970, whoever asks and when', () => {
    expect(nextTick(every(7_000), 0)).toBe(7_000)
    expect(nextTick(every(7_000), 6_999)).toBe(7_000)
    expect(nextTick(every(7_000), 7_000)).toBe(14_000)
    expect(nextTick(every(1_000), -1)).toBe(0)
  })

  it.each([
    [
      'gap: a fixed time ticks at the shift',
      'Europe/Berlin',
      '30 2 * * *',
      '2026-03-29T00:00:00Z',
      ['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z'],
    ],
    [
      'overlap: a fixed time ticks once, the first',
      'Europe/Berlin',
      '30 2 * * *',
      '2026-10-24T22:00:00Z',
      ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'],
    ],
    [
      'gap: a list ticks once at the shift',
      'Europe/Berlin',
      '0,30 2,3 29 3 *',
      '2026-03-29T00:00:00Z',
      ['2026-03-29T01:00:00.000Z', '2026-03-29T01:30:00.000Z'],
    ],
    [
      'gap: a wildcard leaves it out',
      'Europe/Berlin',
      '*/30 * * * *',
      '2026-03-29T00:00:00Z',
      ['2026-03-29T00:30:00.000Z', '2026-03-29T01:00:00.000Z'],
    ],
    [
      'gap: a step in the hour leaves it out',
      'Europe/Berlin',
      '0 */2 * * *',
      '2026-03-28T23:00:00Z',
      ['2026-03-29T02:00:00.000Z', '2026-03-29T04:00:00.000Z'],
    ],
    [
      'overlap: a wildcard runs through both',
      'America/New_York',
      '0 1 * * * *',
      '2026-11-01T04:30:00Z',
      ['2026-11-01T05:01:00.000Z', '2026-11-01T06:01:00.000Z'],
    ],
    ['gap at midnight', 'America/Santiago', '0 0 * * *', '2026-09-05T12:00:00Z', ['2026-09-06T04:00:00.000Z', '2026-09-07T03:00:00.000Z']],
    ['half-hour gap', 'Australia/Lord_Howe', '15 2 * * *', '2026-10-03T00:00:00Z', ['2026-10-03T15:30:00.000Z', '2026-10-04T15:15:00.000Z']],
  ])('%s', (_what, zone, pattern, after, expected) => {
    const next = compileRule(cron(pattern, zone))
    const first = next(at(after))
    expect([iso(first), iso(next(first!))]).toEqual(expected)
  })
})

describe('planTicks', () => {
  const minutely = cron('* * * * *')
  const plan = (over: Partial<TickPlanInput>) => planTicks({ rule: minutely, nextAt: 0, now: 0, missed: 'once', limit: 100, ...over })

  it('plans nothing before its time', () => {
    for (const missed of ['skip', 'once', 'all'] as const)
      expect(plan({ nextAt: MINUTE, now: MINUTE - 1, missed })).toEqual({ instants: [], nextAt: MINUTE })
  })

  it('plans a tick that is on time the same way in every mode', () => {
    for (const missed of ['skip', 'once', 'all'] as const) {
      expect(plan({ nextAt: MINUTE, now: MINUTE, missed })).toEqual({ instants: [MINUTE], nextAt: 2 * MINUTE })
      expect(plan({ nextAt: MINUTE, now: MINUTE + 900, missed })).toEqual({ instants: [MINUTE], nextAt: 2 * MINUTE })
    }
  })

  it('catches up as the mode says', () => {
    const now = 5 * MINUTE + 30_000
    expect(plan({ now, missed: 'once' })).toEqual({ instants: [5 * MINUTE], nextAt: 6 * MINUTE })
    expect(plan({ now, missed: 'all' })).toEqual({ instants: [0, 1, 2, 3, 4, 5].map((n) => n * MINUTE), nextAt: 6 * MINUTE })
    expect(plan({ now, missed: 'skip' })).toEqual({ instants: [5 * MINUTE], nextAt: 6 * MINUTE })
    const daily = { rule: cron('0 0 * * *'), now: 3 * DAY + DEFAULTS.schedule.missedToleranceMs }
    expect(plan({ ...daily, missed: 'skip' })).toEqual({ instants: [], nextAt: 4 * DAY })
    expect(plan({ ...daily, now: daily.now - 1, missed: 'skip' })).toEqual({ instants: [3 * DAY], nextAt: 4 * DAY })
    expect(plan({ ...daily, missed: 'once' })).toEqual({ instants: [3 * DAY], nextAt: 4 * DAY })
  })

  it('stops at the limit and goes on from there', () => {
    const first = plan({ now: 10 * MINUTE, missed: 'all', limit: 4 })
    expect(first).toEqual({ instants: [0, 1, 2, 3].map((n) => n * MINUTE), nextAt: 4 * MINUTE })
    expect(plan({ nextAt: first.nextAt, now: 10 * MINUTE, missed: 'all', limit: 100 }).instants[0]).toBe(4 * MINUTE)
    expect(plan({ now: 10 * MINUTE, limit: 0 })).toEqual({ instants: [], nextAt: 0 })
  })

  it('takes a stored instant that is no tick of a changed rule as a bound only', () => {
    const rule = cron('0 * * * *')
    expect(plan({ rule, nextAt: MINUTE, now: 2 * MINUTE })).toEqual({ instants: [], nextAt: 60 * MINUTE })
    expect(plan({ rule, nextAt: MINUTE, now: 60 * MINUTE, missed: 'all' })).toEqual({ instants: [60 * MINUTE], nextAt: 120 * MINUTE })
  })

  it('finds the last tick of a long outage without walking through it', () => {
    const rule = cron('* * * * *', 'Europe/Berlin')
    const nextAt = at('2026-03-20T00:00:00Z')
    const now = nextAt + 14 * DAY + 12_345
    const started = performance.now()
    expect(plan({ rule, nextAt, now })).toEqual({ instants: [nextAt + 14 * DAY], nextAt: nextAt + 14 * DAY + MINUTE })
    expect(performance.now() - started).toBeLessThan(200)
  })

  it('finds the same last tick as a walk', () => {
    for (const pattern of ['*/7 * * * *', '0 0 * * *', '30 2 * * *', '*/15 * * * * *', '0 9 * * 1-5', '59 59 23 31 12 *', '0,1,2 0 0 1 * *']) {
      const rule = cron(pattern, 'Europe/Berlin')
      const next = compileRule(rule)
      for (const [from, now] of [
        ['2026-03-28T22:00:00Z', '2026-03-29T03:17:11Z'],
        ['2026-10-25T00:00:00Z', '2026-10-25T02:00:00Z'],
        ['2026-01-01T00:00:00.500Z', '2026-01-01T00:00:01.700Z'],
      ] as const) {
        let last: number | null = null
        for (let tick = next(at(from) - 1); tick !== null && tick <= at(now); tick = next(tick)) last = tick
        expect(plan({ rule, nextAt: at(from), now: at(now) }).instants).toEqual(last === null ? [] : [last])
      }
    }
  })
})
