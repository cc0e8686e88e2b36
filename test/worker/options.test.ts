/** A misconfigured worker says so at once, with a code and what to do. */
import { Kerja } from 'kerja'
import { defineJob, defineSchedule, type } from 'kerja/define'
import { memory } from 'kerja/memory'
import { describe, expect, it } from 'vitest'

const job = defineJob({ kind: 'test.job', payload: type<object>(), queue: 'mail' })
const handlers = [job.handle(() => undefined)]
const nightly = defineSchedule('nightly', job.with({}), { cron: '0 2 * * *' })

const WRONG: readonly (readonly [string, unknown, string, RegExp])[] = [
  ['nothing', undefined, 'OPTION_INVALID', /handlers/],
  ['null', null, 'OPTION_INVALID', /handlers/],
  ['no handlers', {}, 'OPTION_INVALID', /at least one/],
  ['an empty list', { handlers: [] }, 'OPTION_INVALID', /at least one/],
  ['the job itself', { handlers: [job] }, 'HANDLER_INVALID', /job\.handle/],
  ['null as a handler', { handlers: [null] }, 'HANDLER_INVALID', /null/],
  ['two handlers of one kind', { handlers: [...handlers, ...handlers] }, 'HANDLER_DUPLICATE', /test\.job/],
  ['a misspelled option', { handlers, concurency: 3 }, 'OPTION_UNKNOWN', /concurrency/],
  ['a misspelled queue', { handlers, queues: { mial: 1 } }, 'OPTION_UNKNOWN', /mail/],
  ['a queue limit of 0', { handlers, queues: { mail: 0 } }, 'OPTION_INVALID', /mail/],
  ['a queue limit over the concurrency', { handlers, concurrency: 2, queues: { mail: 3 } }, 'OPTION_INVALID', /1 to 2/],
  ['a queue limit in words', { handlers, queues: { mail: '2' } }, 'OPTION_INVALID', /mail/],
  ['concurrency 0', { handlers, concurrency: 0 }, 'OPTION_INVALID', /concurrency/],
  ['concurrency -1', { handlers, concurrency: -1 }, 'OPTION_INVALID', /concurrency/],
  ['concurrency NaN', { handlers, concurrency: Number.NaN }, 'OPTION_INVALID', /concurrency/],
  ['concurrency 1.5', { handlers, concurrency: 1.5 }, 'OPTION_INVALID', /concurrency/],
  ['concurrency 1e9', { handlers, concurrency: 1e9 }, 'OPTION_INVALID', /10000/],
  ['a negative grace', { handlers, shutdownGrace: -1 }, 'OPTION_INVALID', /shutdownGrace/],
  ['a grace in words', { handlers, shutdownGrace: 'soon' }, 'OPTION_INVALID', /shutdownGrace/],
  ['an impossible name', { handlers, name: '../x' }, 'OPTION_INVALID', /name/],
  ['an impossible queue', { handlers, alsoServe: ['a b'] }, 'OPTION_INVALID', /alsoServe/],
  ['a queue that is no list', { handlers, alsoServe: 'mail' }, 'OPTION_INVALID', /alsoServe/],
  ['a limit for each queue that is no object', { handlers, queues: 3 }, 'OPTION_INVALID', /queues/],
  ['schedules that are no list', { handlers, schedules: nightly }, 'OPTION_INVALID', /schedules/],
  ['null as a schedule', { handlers, schedules: [null] }, 'OPTION_INVALID', /defineSchedule/],
  ['a job as a schedule', { handlers, schedules: [job.with({})] }, 'OPTION_INVALID', /defineSchedule/],
  ['two schedules of one name', { handlers, schedules: [nightly, nightly] }, 'OPTION_INVALID', /nightly/],
]

describe('worker options', () => {
  it.each(WRONG)('refuses %s', (_name, options, code, message) => {
    const kerja = new Kerja({ backend: memory(), logger: 'silent' })
    expect(() => kerja.worker(options as never)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  })

  it('refuses a timeout that is longer than the backend can lease, when it starts', async () => {
    const backend = memory()
    const limited = { ...backend, capabilities: { ...backend.capabilities, leaseMsMax: 60_000 } }
    const long = defineJob({ kind: 'test.long', payload: type<object>(), timeout: '2m' })
    const endless = defineJob({ kind: 'test.endless', payload: type<object>(), timeout: 'never' })
    for (const kind of [long, endless]) {
      const kerja = new Kerja({ backend: limited, logger: 'silent' })
      await expect(kerja.worker({ handlers: [kind.handle(() => undefined)] }).start()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    }
  })
})
