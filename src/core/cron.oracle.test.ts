/** Ticks against a brute-force oracle: every minute of 2024 to 2027, its local time from Intl, and the policy in words. */
import { describe, expect, it } from 'vitest'
import { compileRule } from './cron.js'

const MINUTE = 60_000
const QUARTER = 15 * MINUTE
const DAY = 86_400_000
const FROM = Date.UTC(2024, 0, 1)
const TO = Date.UTC(2028, 0, 1)

const ZONES = [
  'Europe/Berlin',
  'America/New_York',
  'Asia/Jakarta',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'Africa/Casablanca',
  'America/Santiago',
  'Africa/Cairo',
]
const SPARSE = ['30 2 * * *', '0 0 * * *', '0 9 * * 1-5', '0,30 1,2,3 * * 0', '15 1-3 * * 5']
// Too many ticks for four years: the hours around each change of the clock.
const DENSE = ['*/15 * * * *', '* * * * *', '0 * * * *', '0 */2 * * *', '*/20 2 * * *']

/** Minutes to add to UTC, for each quarter of an hour: no zone changes between quarters. */
function offsetsOf(zone: string): Int16Array {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  const offsets = new Int16Array((TO - FROM) / QUARTER)
  const offsetAt = (instant: number): number => {
    const [, sign, hours, minutes] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(format.format(instant)) ?? []
    return sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
  }
  const perDay = DAY / QUARTER
  for (let start = 0; start < offsets.length; start += perDay) {
    const offset = offsetAt(FROM + start * QUARTER)
    const same = offset === offsetAt(FROM + (start + perDay) * QUARTER)
    for (let index = start; index < start + perDay; index++) offsets[index] = same ? offset : offsetAt(FROM + index * QUARTER)
  }
  return offsets
}

function field(text: string, low: number, high: number): Set<number> {
  const values = new Set<number>()
  for (const part of text.split(',')) {
    const [range = '', step = '1'] = part.split('/')
    const [first, last] = range === '*' ? [low, high] : range.split('-').map(Number)
    for (let value = first!; value <= (last ?? first!); value += Number(step)) values.add(value)
  }
  return values
}

/** Day of month and month are `*` in every pattern here. */
function matcher(pattern: string): (local: number) => boolean {
  const [minute = '', hour = '', , , weekday = ''] = pattern.split(' ')
  const [minutes, hours, weekdays] = [field(minute, 0, 59), field(hour, 0, 23), field(weekday, 0, 6)]
  return (local) => {
    const ofDay = ((local % DAY) + DAY) % DAY
    return minutes.has((ofDay / MINUTE) % 60) && hours.has(Math.floor(ofDay / (60 * MINUTE))) && weekdays.has((4 + Math.floor(local / DAY)) % 7)
  }
}

function oracle(pattern: string, offsets: Int16Array, from: number, to: number): number[] {
  const matches = matcher(pattern)
  const fixed = !/[*/]/.test(pattern.split(' ').slice(0, 2).join(''))
  const localOf = (instant: number) => instant + offsets[Math.floor((instant - FROM) / QUARTER)]! * MINUTE
  const ticks: number[] = []
  // The latest local minute seen: what lies at or before it has occurred already.
  let latest = from > FROM ? localOf(from - MINUTE) : localOf(FROM) - MINUTE
  for (let instant = from; instant < to; instant += MINUTE) {
    const local = localOf(instant)
    let ticksNow = fixed ? matches(local) && local > latest : matches(local)
    // Local minutes between the latest and this one never occur: a fixed time among them ticks now.
    if (fixed) for (let skipped = latest + MINUTE; skipped < local && !ticksNow; skipped += MINUTE) ticksNow = matches(skipped)
    if (ticksNow) ticks.push(instant)
    latest = Math.max(latest, local)
  }
  return ticks
}

function ticksOf(pattern: string, zone: string, from: number, to: number): number[] {
  const next = compileRule({ cron: pattern, everyMs: null, timeZone: zone })
  const ticks: number[] = []
  for (let tick = next(from - 1); tick !== null && tick < to; tick = next(tick)) ticks.push(tick)
  return ticks
}

/** Half a day around each change of the clock, and one day without a change. */
function spans(offsets: Int16Array): [number, number][] {
  const found: [number, number][] = [[FROM + 40 * DAY, FROM + 41 * DAY]]
  for (let index = 1; index < offsets.length; index++) {
    const instant = FROM + index * QUARTER
    if (offsets[index] !== offsets[index - 1]) found.push([instant - DAY / 4, instant + DAY / 4])
  }
  return found
}

describe.each(ZONES)('ticks in %s', (zone) => {
  const offsets = offsetsOf(zone)
  it.each(SPARSE)('%s, all of 2024 to 2027', (pattern) => {
    expect(ticksOf(pattern, zone, FROM, TO)).toEqual(oracle(pattern, offsets, FROM, TO))
  })
  it.each(DENSE)('%s, around each change of the clock', (pattern) => {
    const around = spans(offsets)
    expect(around.length).toBeGreaterThanOrEqual(zone === 'Asia/Jakarta' || zone === 'America/Sao_Paulo' ? 1 : 9)
    for (const [from, to] of around) expect(ticksOf(pattern, zone, from, to)).toEqual(oracle(pattern, offsets, from, to))
  })
})
