import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KerjaError } from '../errors.js'
import { byteLengthOf, decode, encode } from './codec.js'

const LIMITS = { bytesMax: 262_144, depthMax: 64 }
const write = (value: unknown, limits = LIMITS) => encode(value, limits)
const throwing = () => {
  throw new Error('trap')
}
function nested(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

/** Everything the codec carries, tag look-alikes included. */
const { payload } = fc.letrec<{ payload: unknown }>((tie) => ({
  payload: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.nat({ max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
    fc.integer().map((value) => value + 0),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
    fc.boolean(),
    fc.constant(null),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array(),
    fc.array(tie('payload')),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString', 'then', 'toJSON', '$date')), tie('payload')),
    fc
      .tuple(fc.constantFrom('$', '$$', '$date', '$$date', '$bigint', '$bytes', '$$$bytes', '$other'), tie('payload'))
      .map(([key, value]) => ({ [key]: value })),
  ),
}))

describe('round trip', () => {
  it('gives back what went in', () => {
    fc.assert(
      fc.property(payload, (value) => {
        // JSON objects come back with the ordinary prototype; fast-check also makes some without one.
        expect(decode(write(value))).toEqual(value)
        expect(JSON.stringify(JSON.parse(write(value)))).toBeDefined()
      }),
      { numRuns: 500 },
    )
  })

  it('is JSON.stringify itself for plain data', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        if (!/-0|"\$/.test(text) && !hasNegativeZero(value)) expect(write(value)).toBe(text)
      }),
    )
  })

  it.each<[string, unknown, string]>([
    ['Date', new Date(Date.UTC(2026, 7, 1)), '{"$date":"2026-08-01T00:00:00.000Z"}'],
    ['the last Date', new Date(8.64e15), '{"$date":"+275760-09-13T00:00:00.000Z"}'],
    ['BigInt', -(2n ** 70n), '{"$bigint":"-1180591620717411303424"}'],
    ['bytes', new Uint8Array([0, 255, 16]), '{"$bytes":"AP8Q"}'],
    ['Buffer', Buffer.from('hi'), '{"$bytes":"aGk="}'],
    ['forged tag', { $date: 'x' }, '{"$$date":"x"}'],
    ['forged escape', { $$date: 'x' }, '{"$$$date":"x"}'],
    ['two keys', { $date: 1, $x: 2 }, '{"$date":1,"$x":2}'],
    ['a forged tag beside undefined', { gone: undefined, $date: 'x' }, '{"$$date":"x"}'],
    ['undefined property', { a: undefined, b: 1 }, '{"b":1}'],
    ['2^53 + 1', 2 ** 53 + 2, '9007199254740994'],
    ['NUL', 'a\u0000', '"a\\u0000"'],
    ['lone surrogate', '\uD800', '"\\ud800"'],
    ['null prototype', Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    ['the same object twice', Array(2).fill({ a: 1 }), '[{"a":1},{"a":1}]'],
    ['thenable data', JSON.parse('{"then":1,"toJSON":"x"}'), '{"then":1,"toJSON":"x"}'],
  ])('writes %s', (_what, value, text) => {
    expect(write(value)).toBe(text)
    write(decode(text))
  })

  it('carries values of another realm', () => {
    const foreign = runInNewContext('({ list: [1, { a: 2 }], at: new Date(5), bytes: new Uint8Array([7]) })')
    expect(decode(write(foreign))).toEqual({ list: [1, { a: 2 }], at: new Date(5), bytes: new Uint8Array([7]) })
    expect(() => write(runInNewContext('new Map()'))).toThrow('payload is an instance of Map')
    expect(() => write(runInNewContext('new (class List extends Array {})()'))).toThrow('payload is an instance of List')
  })

  it('keeps __proto__ as data and never touches a prototype', () => {
    const value = JSON.parse('{"__proto__":{"polluted":true,"at":{"x":1}},"constructor":{"prototype":{"polluted":true}}}')
    const back = decode(write({ value, at: new Date(0) })) as { value: object }
    expect(JSON.stringify(back.value)).toBe(JSON.stringify(value))
    expect(Object.getPrototypeOf(back.value)).toBe(Object.prototype)
    const tagged = decode('{"__proto__":{"$date":"1970-01-01T00:00:00.000Z"}}') as object
    expect(Object.getPrototypeOf(tagged)).toBe(Object.prototype)
    expect(Object.getOwnPropertyDescriptor(tagged, '__proto__')?.value).toEqual(new Date(0))
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})

describe('refusals', () => {
  class Money {
    readonly amount = 1
  }
  const sparse = [1, 2, 3]
  delete sparse[1]
  const cycle: { self?: unknown } = {}
  cycle.self = [cycle]
  const late: { tail: { loop?: unknown } } = { tail: {} }
  late.tail.loop = late.tail
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()

  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'payload is undefined'],
    ['function', { a: [throwing] }, 'payload.a[0] is a function'],
    ['symbol', { a: Symbol('x') }, 'payload.a is a symbol'],
    ['symbol key', { a: { [Symbol('x')]: 1 } }, 'payload.a is an object with a symbol'],
    ['Map', { user: { tags: [0, 1, 2, new Map()] } }, 'payload.user.tags[3] is an instance of Map'],
    ['Set', new Set(), 'payload is an instance of Set'],
    ['class', { a: new Money() }, 'payload.a is an instance of Money'],
    ['subclass of Date', new (class Moment extends Date {})(), 'payload is an instance of Moment'],
    ['Date with properties', Object.assign(new Date(), { zone: 'UTC' }), 'payload is an instance of Date'],
    ['Error', new Error('x'), 'payload is an instance of Error'],
    ['Promise', { a: Promise.resolve() }, 'payload.a is an instance of Promise'],
    ['RegExp', /x/, 'payload is an instance of RegExp'],
    ['boxed number', Object(5), 'payload is an instance of Number'],
    ['other typed array', new Float64Array(1), 'payload is an instance of Float64Array'],
    ['inherited data', Object.create({ a: 1 }), 'payload is an instance of Object'],
    ['NaN', [Number.NaN], 'payload[0] is NaN'],
    ['Infinity', { 'a b': Number.NEGATIVE_INFINITY }, 'payload["a b"] is -Infinity'],
    ['-0', -0, 'payload is -0'],
    ['Invalid Date', { at: new Date(Number.NaN) }, 'payload.at is an Invalid Date'],
    ['undefined in an array', [1, undefined], 'payload[1] is undefined inside an array'],
    ['hole', sparse, 'payload[1] is a hole'],
    ['named properties of an array', { m: /a/.exec('a') }, 'payload.m is an array with named properties'],
    ['cycle', cycle, 'is part of a cycle'],
    ['cycle that starts lower', late, 'is part of a cycle'],
    ['toJSON', { a: { toJSON: () => 1 } }, 'payload.a.toJSON is a function'],
    ['getter that throws', { a: Object.defineProperty({}, 'b', { enumerable: true, get: throwing }) }, 'payload.a.b could not be read'],
    ['proxy that throws', { x: { y: 1 }, a: new Proxy({}, { ownKeys: throwing }) }, 'payload.a could not be read'],
    ['array proxy that throws', [new Proxy([1], { get: throwing })], 'payload[0] could not be read'],
    ['revoked proxy', { a: revoked.proxy }, 'payload.a could not be read'],
  ])('refuses %s', (_what, value, message) => {
    expect(() => write(value)).toThrow(expect.objectContaining({ code: 'PAYLOAD_LOSSY', message: expect.stringContaining(message) }))
  })

  it('refuses anything else that would not come back equal', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withSparseArray: true }),
        (value) => {
          let text: string
          try {
            text = write(value)
          } catch (error) {
            expect(error).toBeInstanceOf(KerjaError)
            return
          }
          expect(decode(text)).toEqual(value)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('reads each property once', () => {
    let reads = 0
    const value = {
      get turn() {
        return ++reads
      },
    }
    expect(write(value)).toBe('{"turn":1}')
    expect(reads).toBe(1)
  })

  it('names the root and shortens long paths', () => {
    expect(() => encode({ a: Number.NaN }, LIMITS, 'result')).toThrow('result.a is NaN')
    expect(() => write({ ['k'.repeat(10_000)]: Number.NaN })).toThrow(/^payload\["k{60}…"\] is NaN/)
  })
})

describe('limits', () => {
  it('counts levels', () => {
    expect(decode(write(nested(64)))).toEqual(nested(64))
    for (const levels of [65, 100_000]) {
      expect(() => write(nested(levels))).toThrow(
        expect.objectContaining({ code: 'PAYLOAD_TOO_DEEP', message: expect.stringContaining('limit of 64 levels') }),
      )
    }
    expect(write(1, { ...LIMITS, depthMax: 0 })).toBe('1')
    expect(() => write([], { ...LIMITS, depthMax: 0 })).toThrow('limit of 0')
    const deep = { bytesMax: 1e9, depthMax: Number.POSITIVE_INFINITY }
    expect(() => write(nested(100_000), deep)).toThrow('limit of 1000 levels')
    const deepest = encode({ at: nested(998), $: { $date: new Date(0) } }, deep)
    expect(encode(decode(deepest), deep)).toBe(deepest)
  })

  it('counts bytes, not characters', () => {
    const limits = { ...LIMITS, bytesMax: 100 }
    expect(byteLengthOf(write('x'.repeat(98), limits))).toBe(100)
    expect(() => write('x'.repeat(99), limits)).toThrow(
      'The payload takes 101 bytes, over the limit of 100. Store the data elsewhere and pass a reference to it.',
    )
    expect(write('é'.repeat(49), limits)).toHaveLength(51)
    expect(() => write('é'.repeat(50), limits)).toThrow(expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }))
    expect(() => write('x'.repeat(100_000_000))).toThrow('more than 2097152 bytes')
  })

  it('stops a small graph that unfolds into gigabytes', () => {
    let graph: unknown = 'x'
    for (let level = 0; level < 60; level++) graph = [graph, graph]
    expect(() => write(graph)).toThrow(expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }))
    let empty: unknown = []
    for (let level = 0; level < 60; level++) empty = [empty, empty]
    expect(() => write(empty)).toThrow(expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }))
  })

  it('measures as TextEncoder does', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => byteLengthOf(text) === new TextEncoder().encode(text).length))
    for (const text of ['\uD800', '\uDC00', '\uD800\uD800\uDC00', '\uDC00\uD800', '\uD83D\uDE00', '\uFEFF\u202E\u200D']) {
      expect(byteLengthOf(text)).toBe(new TextEncoder().encode(text).length)
    }
  })
})

describe('decode', () => {
  it('refuses what encode did not write', () => {
    const full = write({ at: new Date(0), n: 5n, list: [1, { a: 'x' }] })
    for (let length = 0; length < full.length; length++) {
      expect(() => decode(full.slice(0, length))).toThrow(expect.objectContaining({ code: 'PAYLOAD_CORRUPT' }))
    }
    const forged = [
      'undefined',
      '{"$other":1}',
      '{"$":1}',
      '{"$date":"tomorrow"}',
      '{"$date":5}',
      '{"$date":"2026"}',
      '{"$bigint":"1e5"}',
      '{"$bigint":"-0"}',
      '{"$bigint":""}',
      '{"$bigint":"0x10"}',
      '{"$bytes":"a"}',
      '{"$bytes":"a b="}',
      '{"$bytes":null}',
      '[{"a":{"$class":"Money"}}]',
      `${'['.repeat(50_000)}"$"${']'.repeat(50_000)}`,
    ]
    for (const text of forged) expect(() => decode(text)).toThrow(expect.objectContaining({ code: 'PAYLOAD_CORRUPT' }))
  })
})

function hasNegativeZero(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return Object.is(value, -0)
  return Object.values(value).some(hasNegativeZero)
}
