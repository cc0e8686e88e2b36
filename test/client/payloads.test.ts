// Hostile payloads: each comes back equal or is refused with a code, and its neighbours are stored either way.
import { deepStrictEqual } from 'node:assert'
import { Kerja } from 'kerja'
import { defineJob, type } from 'kerja/define'
import { memory } from 'kerja/memory'
import { afterAll, describe, expect, it } from 'vitest'

const any = defineJob({ kind: 'any', payload: type<unknown>() })
const kerja = new Kerja({ backend: memory(), logger: 'silent' })
afterAll(() => kerja.close())

const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = [value]
  return value
}
const cycle: Record<string, unknown> = {}
cycle.self = cycle
const counted = { reads: 0 }
const BYTES_MAX = 256 * 1024

const carried: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['empty text', ''],
  ['an empty object', {}],
  ['an empty array', []],
  ['zero bytes', new Uint8Array(0)],
  ['bytes', new Uint8Array([0, 255, 128])],
  ['a Date', new Date('2026-02-29T00:00:00Z')],
  ['a BigInt', 2n ** 80n],
  ['2^53+1', 2 ** 53 + 1],
  ['exactly the limit', 'x'.repeat(BYTES_MAX - 2)],
  ['depth 64', nested(64)],
  ['own __proto__', JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}')],
  ['toString and hasOwnProperty', { toString: 1, hasOwnProperty: 2, valueOf: 3 }],
  // biome-ignore lint/suspicious/noThenProperty: a payload may have one.
  ['what looks like a thenable', { then: 'x' }],
  ['what looks like a tag', { $date: '2026-01-01' }],
  ['what looks like an escaped tag', { $$bigint: '1' }],
  ['NUL, U+FFFE, BOM, RTL override and ZWJ', '\0\ufffe\uffff\ufeff\u202e\u200d'],
  ['normalisation twins', { '\u00e9': 1, 'e\u0301': 2 }],
  ['100 combining marks', `e${'\u0301'.repeat(100)}`],
  ['an emoji', '👩‍👩‍👧'],
  ['SQL and templates', '"; drop table kerja_jobs; -- $1 {{7*7}} %00 ../'],
  ['10,000 keys', Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`k${index}`, index]))],
]

const refused: readonly (readonly [string, unknown, string])[] = [
  ['undefined', undefined, 'PAYLOAD_LOSSY'],
  ['NaN', Number.NaN, 'PAYLOAD_LOSSY'],
  ['Infinity', { deep: [Number.POSITIVE_INFINITY] }, 'PAYLOAD_LOSSY'],
  ['-0', -0, 'PAYLOAD_LOSSY'],
  ['a function', () => 1, 'PAYLOAD_LOSSY'],
  // biome-ignore lint/suspicious/noThenProperty: hostile on purpose.
  ['a thenable', { then: () => undefined }, 'PAYLOAD_LOSSY'],
  ['a symbol', Symbol('s'), 'PAYLOAD_LOSSY'],
  ['a Map', new Map(), 'PAYLOAD_LOSSY'],
  ['a Set', new Set(), 'PAYLOAD_LOSSY'],
  ['a class instance', new (class Money {})(), 'PAYLOAD_LOSSY'],
  ['a Promise', Promise.resolve(1), 'PAYLOAD_LOSSY'],
  ['an Invalid Date', new Date(Number.NaN), 'PAYLOAD_LOSSY'],
  ['a sparse array', new Array(3), 'PAYLOAD_LOSSY'],
  ['a cycle', cycle, 'PAYLOAD_LOSSY'],
  ['toJSON that throws', { toJSON: () => fail() }, 'PAYLOAD_LOSSY'],
  ['a getter that throws', Object.defineProperty({}, 'x', { enumerable: true, get: fail }), 'PAYLOAD_LOSSY'],
  ['a proxy that throws', new Proxy({}, { ownKeys: fail }), 'PAYLOAD_LOSSY'],
  ['one byte over the limit', 'x'.repeat(BYTES_MAX - 1), 'PAYLOAD_TOO_LARGE'],
  ['characters within and bytes over the limit', 'é'.repeat(BYTES_MAX / 2), 'PAYLOAD_TOO_LARGE'],
  ['100 MB', 'x'.repeat(100_000_000), 'PAYLOAD_TOO_LARGE'],
  ['a million keys', Object.fromEntries(Array.from({ length: 1_000_000 }, (_, index) => [`k${index}`, index])), 'PAYLOAD_TOO_LARGE'],
  ['depth 65', nested(65), 'PAYLOAD_TOO_DEEP'],
  ['depth 100,000', nested(100_000), 'PAYLOAD_TOO_DEEP'],
]

function fail(): never {
  throw new Error('hostile')
}

/** Enqueues `payload` between two harmless ones and gives what became of each. */
const among = (payload: unknown) => Promise.allSettled([kerja.enqueue(any, 1), kerja.enqueue(any, payload), kerja.enqueue(any, 3)])

describe('payloads', () => {
  it.each(carried)('carries %s', async (_, payload) => {
    const [before, receipt, after] = await among(payload)
    expect([before.status, after.status]).toEqual(['fulfilled', 'fulfilled'])
    if (receipt.status === 'rejected') throw receipt.reason
    const job = await kerja.jobs.get(receipt.value.id)
    expect(job.payloadError).toBeNull()
    // Not toStrictEqual, which confuses an own __proto__ with the prototype.
    deepStrictEqual(job.payload, payload)
  })

  it.each(refused)('refuses %s', async (_, payload, code) => {
    const [before, refusal, after] = await among(payload)
    expect([before.status, after.status]).toEqual(['fulfilled', 'fulfilled'])
    expect(refusal).toMatchObject({ status: 'rejected', reason: { code } })
    expect((refusal as PromiseRejectedResult).reason.message.length).toBeLessThan(1_000)
  })

  it('reads a getter once', async () => {
    const payload = {
      get n() {
        counted.reads += 1
        return counted.reads
      },
    }
    const { id } = await kerja.enqueue(any, payload)
    expect((await kerja.jobs.get(id)).payload).toEqual({ n: 1 })
  })

  it('leaves Object.prototype alone', () => {
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})
