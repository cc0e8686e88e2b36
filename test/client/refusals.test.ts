// Whatever is given in the place of options is refused with a code: never a TypeError from within, never silently the default.
import { isKerjaError, Kerja } from 'kerja'
import { defineJob, type } from 'kerja/define'
import { memory } from 'kerja/memory'
import { afterAll, describe, expect, it } from 'vitest'

const job = defineJob({ kind: 'job', payload: type<number>() })
const kerja = new Kerja({ backend: memory(), logger: 'silent' })
afterAll(() => kerja.close())
const { id } = await kerja.enqueue(job, 1, { delay: '1h' })
const WRONG = [null, 7, 'text', true, []] as const

async function refused(act: () => unknown): Promise<void> {
  let error: unknown
  try {
    await act()
  } catch (thrown) {
    error = thrown
  }
  expect(isKerjaError(error) ? error.code : error).toMatch(/^(OPTION|CURSOR|SCHEDULE|HANDLER|TRANSACTION)_INVALID$|^BACKEND_UNKNOWN$/)
}

describe('wrong options', () => {
  it.each<[string, (value: never) => unknown]>([
    ['new Kerja', (value) => new Kerja(value)],
    ['enqueue', (value) => kerja.enqueue(job, 1, value)],
    ['enqueue of no job', (value) => kerja.enqueue(value, 1 as never)],
    ['with', (value) => kerja.enqueueMany([job.with(1, value)])],
    ['enqueueMany', (value) => kerja.enqueueMany([job.with(1)], value)],
    ['enqueueSync', (value) => kerja.enqueueSync(job, 1, value)],
    ['result', (value) => kerja.result(job, id, value)],
    ['watch', (value) => kerja.watch(job, id, value).next()],
    ['worker', (value) => kerja.worker(value)],
    ['migrate', (value) => kerja.migrate(value)],
    ['jobs.get', (value) => kerja.jobs.get(value, id)],
    ['jobs.list', (value) => kerja.jobs.list(value)],
    ['jobs.update', (value) => kerja.jobs.update(id, value)],
    ['jobs.update of no job', (value) => kerja.jobs.update(value, id, {})],
    ['jobs.logs', (value) => kerja.jobs.logs(id, value)],
    ['schedules.upsert', (value) => kerja.schedules.upsert(Array.isArray(value) ? (7 as never) : value)],
  ])('of %s are refused', async (_name, act) => {
    for (const value of WRONG) await refused(() => act(value as never))
  })

  it.each(['delay', 'runAt', 'priority', 'maxAttempts', 'giveUpAfter', 'startWithin', 'queue', 'group', 'idempotencyKey', 'tags', 'id'])(
    'of enqueue: %s: null',
    async (option) => {
      await refused(() => kerja.enqueue(job, 1, { [option]: null }))
    },
  )

  it.each<[string, () => unknown]>([
    ['tags that are no array', () => kerja.enqueue(job, 1, { tags: 'a' as never })],
    ['tags that are a set', () => kerja.enqueue(job, 1, { tags: new Set(['a']) as never })],
    ['a backend that is null', () => new Kerja({ backend: null as never })],
    ['a timeout that is null', () => new Kerja({ enqueueTimeout: null as never })],
    ['a logger that is null', () => new Kerja({ logger: null as never })],
    ['a result timeout that is null', () => kerja.result(job, id, { timeout: null as never })],
    ['a limit that is null', () => kerja.jobs.list({ limit: null as never })],
    ['a reason that is null', () => kerja.jobs.cancel(id, null as never)],
  ])('%s', async (_name, act) => {
    await refused(act)
  })
})
