// Whatever is given in the place of an option is refused with a code: never a TypeError from within, never silently the default.
import { describe, expect, it } from 'vitest'
import { KerjaError } from '../errors.js'
import { defineJob } from './job.js'
import { defineSchedule } from './schedule.js'
import { type } from './schema.js'

const WRONG = [null, 7, 'text', true, [], () => undefined, Symbol('x'), 1n] as const
const spec = { kind: 'a', payload: type<number>() }
const job = defineJob(spec)

function refused(act: () => unknown): void {
  let error: unknown
  try {
    act()
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(KerjaError)
  expect((error as KerjaError).code).toMatch(/^(OPTION|SCHEDULE)_INVALID$/)
}
const except = (...right: readonly unknown[]) => WRONG.filter((value) => !right.includes(typeof value))

describe('defineJob', () => {
  it.each([undefined, ...WRONG])('refuses %p as its specification', (value) => refused(() => defineJob(value as never)))

  it.each<[string, readonly unknown[]]>([
    ['kind', except('string')],
    ['payload', WRONG],
    ['result', WRONG],
    ['version', except('number')],
    ['upgrade', except('function')],
    ['queue', except('string')],
    ['priority', WRONG],
    ['maxAttempts', except('number')],
    ['backoff', WRONG],
    ['timeout', except('number')],
    ['giveUpAfter', except('number')],
    ['group', except('function')],
    ['unique', WRONG],
    ['retention', WRONG],
  ])('refuses a wrong %s', (option, values) => {
    for (const value of values) refused(() => defineJob({ ...spec, [option]: value } as never))
  })

  it.each<[string, string, readonly unknown[]]>([
    ['backoff', 'first', except('number')],
    ['backoff', 'factor', except('number')],
    ['backoff', 'max', except('number')],
    ['backoff', 'jitter', WRONG],
    ['unique', 'key', except('function')],
    ['unique', 'while', WRONG],
    ['unique', 'whenTaken', WRONG],
    ['unique', 'debounce', except('number')],
    ['retention', 'completed', except('number')],
    ['retention', 'failed', except('number')],
  ])('refuses a wrong %s.%s', (group, option, values) => {
    const others = group === 'unique' && option !== 'key' ? { key: () => 'k' } : {}
    for (const value of values) refused(() => defineJob({ ...spec, [group]: { ...others, [option]: value } } as never))
  })
})

describe('handle', () => {
  it('refuses what is no function, and wrong options', () => {
    for (const value of except('function')) refused(() => job.handle(value as never))
    for (const value of WRONG) refused(() => job.handle(() => undefined, value as never))
    for (const value of except('function')) refused(() => job.handle(() => undefined, { onError: value } as never))
  })
})

describe('defineSchedule', () => {
  const request = job.with(1)
  it('refuses what is no name, no job with a payload, no options', () => {
    for (const value of [undefined, ...except('string')]) refused(() => defineSchedule(value as never, request, { every: '1h' }))
    for (const value of [undefined, {}, job, { job: null }, ...WRONG]) refused(() => defineSchedule('a', value as never, { every: '1h' }))
    for (const value of [undefined, {}, ...WRONG]) refused(() => defineSchedule('a', request, value as never))
  })

  it.each<[string, readonly unknown[]]>([
    ['cron', WRONG],
    ['every', WRONG],
    ['timeZone', WRONG],
    ['missed', WRONG],
    ['overlap', WRONG],
  ])('refuses a wrong %s', (option, values) => {
    const rule = option === 'cron' || option === 'every' ? {} : { every: '1h' }
    for (const value of values) refused(() => defineSchedule('a', request, { ...rule, [option]: value } as never))
  })
})
