import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toJobFailure } from './failure.js'
import { DEFAULTS } from './options.js'

const throwing = () => {
  throw new Error('trap')
}

describe('toJobFailure', () => {
  it('keeps name, message, code and stack', () => {
    const failure = toJobFailure(Object.assign(new TypeError('no such user'), { code: 'E_USER' }))
    expect(failure).toMatchObject({ name: 'TypeError', message: 'no such user', code: 'E_USER' })
    expect(failure.stack).toContain('failure.test.ts')
    expect(toJobFailure(Object.assign(new Error('x'), { code: 1062 })).code).toBe('1062')
  })

  it('names a class that did not name itself', () => {
    class PaymentError extends Error {}
    expect(toJobFailure(new PaymentError('x')).name).toBe('PaymentError')
    expect(toJobFailure({ message: 'plain' })).toEqual({ name: 'Error', message: 'plain', code: null, stack: null })
  })

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [42, '42'],
    [5n, '5n'],
    [Symbol('s'), 'Symbol(s)'],
    [{ status: 404 }, '{"status":404}'],
  ])('takes %s that is no error', (thrown, shown) => {
    expect(toJobFailure(thrown)).toEqual({ name: 'NonError', message: `A value that is not an error was thrown: ${shown}`, code: null, stack: null })
  })

  it('takes a thrown string as the message', () => {
    expect(toJobFailure('boom')).toEqual({ name: 'NonError', message: 'boom', code: null, stack: null })
    expect(toJobFailure('').message).toBe('')
  })

  it('folds the chain of causes into the stack, cycles included', () => {
    const root = new Error('disk full')
    const middle = new Error('write failed', { cause: root })
    const top = new Error('save failed', { cause: middle })
    root.cause = top
    const stack = toJobFailure(top).stack ?? ''
    expect(stack.match(/Caused by: /g)).toHaveLength(2)
    expect(stack.indexOf('save failed')).toBeLessThan(stack.indexOf('Caused by: Error: write failed'))
    expect(stack.indexOf('write failed')).toBeLessThan(stack.indexOf('Caused by: Error: disk full'))
    expect(toJobFailure({ message: 'no stack', cause: 'because' }).stack).toBe('Error: no stack\nCaused by: NonError: because')
  })

  it('bounds a long chain and a big AggregateError', () => {
    let error = new Error('0')
    for (let index = 1; index < 10_000; index++) error = new Error(String(index), { cause: error })
    expect(toJobFailure(error).stack?.match(/Caused by: /g)?.length).toBeLessThanOrEqual(8)
    const many = new AggregateError(
      Array.from({ length: 10_000 }, (_, index) => ({ message: `part ${index}` })),
      'all failed',
    )
    const failure = toJobFailure(many)
    expect(failure).toMatchObject({ name: 'AggregateError', message: 'all failed' })
    expect(failure.stack).toContain('One of: Error: part 0')
    expect(failure.stack).toContain('… and 9995 more errors')
    expect(failure.stack?.length).toBeLessThanOrEqual(DEFAULTS.failure.stackCharactersMax)
  })

  it('cuts a 10 MB message and still shows the frames', () => {
    const failure = toJobFailure(new Error('x'.repeat(10_000_000)))
    expect(failure.message).toHaveLength(4_096)
    expect(failure.message.endsWith('…')).toBe(true)
    expect(failure.stack?.length).toBeLessThanOrEqual(16_384)
    expect(failure.stack).toContain('failure.test.ts')
  })

  it('makes text storable: no NUL, no lone surrogate, no pair cut in two', () => {
    expect(toJobFailure(new Error('a\u0000b\uD800c\uDC00d😀')).message).toBe('a\uFFFDb\uFFFDc\uFFFDd😀')
    const failure = toJobFailure(new Error('😀'.repeat(5_000)), { messageCharactersMax: 10, stackCharactersMax: 100 })
    expect(failure.message).toBe(`${'😀'.repeat(4)}\uFFFD…`)
  })

  it('never throws', () => {
    const revoked = Proxy.revocable(new Error('x'), {})
    revoked.revoke()
    const hostile = new Proxy(new Error('x'), { get: throwing, has: throwing, ownKeys: throwing, getPrototypeOf: throwing })
    const errors = [
      revoked.proxy,
      hostile,
      Object.freeze(new Error('frozen')),
      Object.defineProperty(new Error('x'), 'stack', { get: throwing }),
      Object.defineProperty(new Error('x'), 'message', { get: throwing }),
      Object.defineProperty(new Error('x'), 'name', { value: 42 }),
      Object.assign(new Error('x'), { cause: revoked.proxy, errors: revoked.proxy }),
      Object.assign(new Error('x'), { cause: hostile, errors: [hostile, revoked.proxy] }),
      { toString: throwing, toJSON: throwing },
      Object.create(null),
      Promise.resolve(),
      throwing,
    ]
    for (const error of errors) {
      const failure = toJobFailure(error)
      expect(typeof failure.name).toBe('string')
      expect(typeof failure.message).toBe('string')
    }
  })

  it('is well-formed and within its limits for anything', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 })
    const shaped = fc.record(
      { name: fc.anything(), message: text, stack: text, cause: fc.anything(), code: text, errors: fc.anything() },
      { requiredKeys: [] },
    )
    const limits = { messageCharactersMax: 20, stackCharactersMax: 80 }
    fc.assert(
      fc.property(fc.oneof(fc.anything(), shaped), (thrown) => {
        const failure = toJobFailure(thrown, limits)
        expect(failure.message.length).toBeLessThanOrEqual(20)
        expect(failure.stack?.length ?? 0).toBeLessThanOrEqual(80)
        for (const value of Object.values(failure)) expect(value === null || !/\p{Surrogate}|\0/u.test(value)).toBe(true)
      }),
    )
  })
})
