/** Handlers at their worst: each job ends with a stored failure, its neighbours complete, and the worker goes on. */
import { defineJob, type JobContext, type } from 'kerja/define'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from '../support/backends.js'
import { openStage } from '../support/stage.js'

const backoff = { first: 0 } as const
const hostile = defineJob({ kind: 'hostile', payload: type<object>(), result: type<unknown>(), maxAttempts: 2, backoff })
const neighbour = defineJob({ kind: 'neighbour', payload: type<object>() })

type Run = (ctx: JobContext<unknown>) => unknown
const throwing =
  (make: () => unknown): Run =>
  () => {
    throw make()
  }

const frozen = Object.freeze(new Error('frozen'))
const cyclic = (): Error => {
  const error = new Error('cyclic')
  error.cause = new Error('inner', { cause: error })
  return error
}
const deepCauses = (): Error => {
  let error = new Error('innermost')
  for (let depth = 0; depth < 10_000; depth += 1) error = new Error(`level ${depth}`, { cause: error })
  return error
}
const withStackGetter = (): Error =>
  Object.defineProperty(new Error('no stack for you'), 'stack', {
    get() {
      throw new Error('stack')
    },
  })
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const throwingProxy = (): object => {
  const refuse = (): never => {
    throw new Error('trap')
  }
  return new Proxy({}, { get: refuse, getPrototypeOf: refuse, has: refuse, ownKeys: refuse, getOwnPropertyDescriptor: refuse })
}
const cycle = (): object => {
  const value: { self?: unknown } = {}
  value.self = value
  return value
}

const message = (text: unknown): object => ({ message: text })
/** What is thrown or returned, and the failure that must be in the store. */
const FAILING: readonly (readonly [string, Run, object])[] = [
  ['throws undefined', throwing(() => undefined), message(expect.stringContaining('not an error'))],
  ['throws null', throwing(() => null), message(expect.stringContaining('not an error'))],
  ['throws a string', throwing(() => 'just words'), message('just words')],
  ['throws a number', throwing(() => 42), message(expect.stringContaining('42'))],
  ['throws a symbol', throwing(() => Symbol('s')), { name: 'NonError' }],
  ['throws a function', throwing(() => () => undefined), {}],
  ['throws an object without a prototype', throwing(() => Object.create(null)), {}],
  ['throws a frozen error', throwing(() => frozen), message('frozen')],
  ['throws an error that is its own cause', throwing(cyclic), message('cyclic')],
  ['throws 10,000 causes', throwing(deepCauses), message('level 9999')],
  [
    'throws an AggregateError of 10,000',
    throwing(
      () =>
        new AggregateError(
          Array.from({ length: 10_000 }, () => new Error('one')),
          'many',
        ),
    ),
    message('many'),
  ],
  ['throws a message of 10 MB', throwing(() => new Error('x'.repeat(10_000_000))), message(expect.stringMatching(/^x{4095}…$/))],
  ['throws a message with NUL', throwing(() => new Error('a\u0000b\ud800c')), message('a\ufffdb\ufffdc')],
  ['throws an error whose stack throws', throwing(withStackGetter), message('no stack for you')],
  ['throws a revoked proxy', throwing(revoked), {}],
  ['throws a proxy whose every trap throws', throwing(throwingProxy), {}],
  ['throws a rejected promise', throwing(() => Promise.reject(new Error('inner')).catch(() => undefined)), {}],
  [
    'rejects twice',
    () =>
      new Promise((_resolve, reject) => {
        reject(new Error('first'))
        reject(new Error('second'))
      }),
    message('first'),
  ],
  [
    'returns a thenable that rejects',
    // biome-ignore lint/suspicious/noThenProperty: a hostile value is what is tested.
    () => ({ then: (_done: unknown, fail: (error: Error) => void) => fail(new Error('thenable')) }),
    message('thenable'),
  ],
  [
    'returns a thenable whose then throws',
    () => ({
      // biome-ignore lint/suspicious/noThenProperty: a hostile value is what is tested.
      get then() {
        throw new Error('then')
      },
    }),
    message('then'),
  ],
  ['returns a function', () => () => undefined, { code: 'RESULT_INVALID' }],
  ['returns NaN', () => ({ n: Number.NaN }), { code: 'RESULT_INVALID', message: expect.stringContaining('result.n') }],
  ['returns a Map', () => new Map(), { code: 'RESULT_INVALID' }],
  ['returns a cycle', cycle, { code: 'RESULT_INVALID' }],
  ['returns 300 KiB', () => 'x'.repeat(300 * 1024), { code: 'RESULT_INVALID', message: expect.stringContaining('limit') }],
  [
    'returns a getter that throws',
    () => ({
      get n() {
        throw new Error('getter')
      },
    }),
    { code: 'RESULT_INVALID' },
  ],
  ['returns a revoked proxy', revoked, {}],
  ['returns a proxy whose every trap throws', throwingProxy, {}],
  ['returns an outcome inside an array', (ctx) => [ctx.snooze('1h')], { code: 'OUTCOME_UNUSED' }],
  ['cancels without a reason', (ctx) => ctx.cancel(''), { code: 'OPTION_INVALID' }],
  ['retries after a negative wait', (ctx) => ctx.retry(-1), { code: 'OPTION_INVALID' }],
  ['snoozes until no number', (ctx) => ctx.snooze(Number.NaN), { code: 'OPTION_INVALID' }],
]

const COMPLETING: readonly (readonly [string, Run, unknown])[] = [
  // biome-ignore lint/suspicious/noThenProperty: a hostile value is what is tested.
  ['returns a thenable', () => ({ then: (done: (value: unknown) => void) => done({ n: 1 }) }), { n: 1 }],
  ['returns a proxy of plain data', () => new Proxy({ n: 1 }, {}), { n: 1 }],
  ['returns __proto__ as a key', () => JSON.parse('{"__proto__":{"polluted":true}}'), JSON.parse('{"__proto__":{"polluted":true}}')],
  ['reports impossible progress', (ctx) => [Number.NaN, -1, 2, 'x' as never].map((share) => ctx.progress(share)).length, 4],
  ['logs 10 MB and NUL', (ctx) => [ctx.log.info('x'.repeat(10_000_000)), ctx.log.warn('a\u0000b\ud800')].length, 2],
]

describe.each(BACKENDS)('hostile handlers on $name', ({ open }) => {
  it.each(FAILING)('%s', async (_name, run, failure) => {
    const stage = openStage(open())
    const worker = await stage.work(
      hostile.handle((_payload, ctx) => run(ctx)),
      neighbour.handle(() => undefined),
    )
    const [bad, ...good] = await stage.kerja.enqueueMany([hostile.with({}), neighbour.with({}), neighbour.with({})])
    expect(await stage.ended(bad?.id ?? '')).toMatchObject({ state: 'failed', reason: 'attempts', attempt: 2, failure })
    expect(await stage.kerja.jobs.attempts(bad?.id ?? '')).toMatchObject([{ outcome: 'retry' }, { outcome: 'fail' }])
    for (const { id } of good) expect((await stage.ended(id)).state).toBe('completed')
    expect((await stage.run(neighbour)).state).toBe('completed')
    expect([worker.state, worker.runningCount]).toEqual(['running', 0])
  })

  it.each(COMPLETING)('%s, and completes', async (_name, run, result) => {
    const stage = openStage(open())
    await stage.work(hostile.handle((_payload, ctx) => run(ctx)))
    expect(await stage.run(hostile)).toMatchObject({ state: 'completed', attempt: 1, result })
  })

  it('a listener that throws does not become the fault of a job', async () => {
    const stage = openStage(open())
    for (const name of ['job.started', 'job.completed', 'job.enqueued'] as const) {
      stage.kerja.events.on(name, () => {
        throw new Error('a listener')
      })
    }
    await stage.work(neighbour.handle(() => undefined))
    expect((await stage.run(neighbour)).state).toBe('completed')
  })
})
