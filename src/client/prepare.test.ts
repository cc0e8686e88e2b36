// What prepareJob accepts, refuses, and makes.
import { randomFillSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { decode } from '../core/codec.js'
import { createIdGenerator, isUuid } from '../core/id.js'
import { type AnyJob, defineJob, type EnqueueOptions } from '../define/job.js'
import { type Schema, type } from '../define/schema.js'
import type { KerjaError } from '../errors.js'
import { createPreparer, type JobOrigin } from './prepare.js'

const createId = createIdGenerator({ now: () => 1_700_000_000_000, randomFill: (bytes) => void randomFillSync(bytes) })
const preparer = createPreparer(createId)
const prepare = (job: AnyJob, payload: unknown, options?: EnqueueOptions, origin?: JobOrigin) => preparer.prepare({ job, payload, options, origin })
const prepareSync = (job: AnyJob, payload: unknown, options?: EnqueueOptions) => preparer.prepareSync({ job, payload, options })
const mail = defineJob({ kind: 'mail.send', payload: z.object({ to: z.email(), at: z.coerce.date().optional() }) })
const free = defineJob({ kind: 'free', payload: type<unknown>() })

const slow: Schema<{ n: number }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: async (value) =>
      (value as { n: number }).n > 0 ? { value: value as { n: number } } : { issues: [{ message: 'too small', path: ['n'] }] },
  },
}
const slowJob = defineJob({ kind: 'slow', payload: slow, group: (payload) => `g${payload.n}` })

function refusal(act: () => unknown): KerjaError {
  try {
    act()
  } catch (error) {
    return error as KerjaError
  }
  throw new Error('nothing was thrown')
}

describe('prepare', () => {
  it('fills in the defaults', () => {
    const prepared = prepare(mail, { to: 'ana@example.com' })
    expect(prepared).toEqual({
      id: expect.stringMatching(/^018bcfe5-6800-7/),
      kind: 'mail.send',
      version: 1,
      queue: 'default',
      priority: 2,
      payload: '{"to":"ana@example.com"}',
      delayMs: 0,
      runAt: null,
      maxAttempts: 10,
      giveUpAfterMs: null,
      startWithinMs: null,
      group: null,
      tags: [],
      idempotency: null,
      unique: null,
      parentId: null,
      tick: null,
    })
  })

  it('stores what the caller gave and shows key functions what the schema makes of it', () => {
    const job = defineJob({
      kind: 'k',
      payload: z.object({ when: z.coerce.date() }),
      group: (payload) => String(payload.when.getTime()),
      unique: { key: (payload) => payload.when.toISOString(), while: 'waiting', debounce: '5s' },
    })
    const prepared = prepareSync(job, { when: '2026-01-01T00:00:00Z' })
    expect(decode(prepared.payload)).toEqual({ when: '2026-01-01T00:00:00Z' })
    expect(prepared.group).toBe('1767225600000')
    expect(prepared.unique).toEqual({ key: '2026-01-01T00:00:00.000Z', scope: 'waiting', whenTaken: 'replace', debounceMs: 5_000 })
  })

  it('reads every option', () => {
    const prepared = prepareSync(free, 1, {
      delay: '10m',
      priority: 'critical',
      maxAttempts: 3,
      giveUpAfter: '2d',
      startWithin: '1h',
      queue: 'other',
      group: 'tenant 7',
      idempotencyKey: 'upload-42',
      tags: ['web', 'web', 'ünïcode'],
      id: '018BCFE5-6800-7000-8000-000000000001',
    })
    expect(prepared).toMatchObject({
      id: '018bcfe5-6800-7000-8000-000000000001',
      delayMs: 600_000,
      priority: 0,
      maxAttempts: 3,
      giveUpAfterMs: 172_800_000,
      startWithinMs: 3_600_000,
      queue: 'other',
      group: 'tenant 7',
      tags: ['web', 'ünïcode'],
      idempotency: { key: 'upload-42', payloadHash: 'a4ayc_80_OGda4BO_1o_V0etpOqiLx1JwB5S3beHW0s', ttlMs: 604_800_000 },
    })
    expect(prepareSync(free, 1, { runAt: new Date(5_000) }).runAt).toBe(5_000)
    expect(prepareSync(free, 1, { runAt: 253_402_300_799_999 }).runAt).toBe(253_402_300_799_999)
  })

  it('hashes equal payloads alike', () => {
    const hash = (payload: unknown) => prepareSync(free, payload, { idempotencyKey: 'k' }).idempotency?.payloadHash
    expect(hash({ a: 1 })).toBe(hash({ a: 1 }))
    expect(hash({ a: 1 })).not.toBe(hash({ a: 2 }))
  })

  it('is asynchronous only when the schema is, and reads the payload at once even then', async () => {
    expect(prepare(mail, { to: 'ana@example.com' })).not.toBeInstanceOf(Promise)
    const payload = { n: 1 }
    const prepared = prepare(slowJob, payload)
    payload.n = 2
    expect(prepared).toBeInstanceOf(Promise)
    expect((await prepared).payload).toBe('{"n":1}')
    await expect(prepare(slowJob, { n: 0 })).rejects.toMatchObject({
      code: 'PAYLOAD_INVALID',
      message: expect.stringContaining('payload.n: too small'),
    })
    expect(refusal(() => prepareSync(slowJob, { n: 1 }))).toMatchObject({
      code: 'PAYLOAD_INVALID',
      message: expect.stringContaining('asynchronously'),
    })
    expect(refusal(() => prepare(slowJob, { n: 1, f: () => 1 } as never)).code).toBe('PAYLOAD_LOSSY')
  })

  it('derives the ids of a parent’s children from the parent', () => {
    const origin = () => ({
      parentId: '018bcfe5-6800-7000-8000-000000000001',
      parentCreatedAt: 1_700_000_000_000,
      occurrences: new Map<string, number>(),
    })
    const run = () => {
      const from = origin()
      return [prepare(free, 1, {}, from), prepare(free, 1, {}, from), prepare(free, 2, {}, from), prepare(mail, { to: 'a@b.co' }, {}, from)].map(
        (job) => (job instanceof Promise ? '' : job.id),
      )
    }
    const ids = run()
    expect(run()).toEqual(ids)
    expect(new Set(ids).size).toBe(4)
    expect(ids.every(isUuid)).toBe(true)
    expect(ids.every((id) => id.startsWith('018bcfe5-6800-7'))).toBe(true)
    expect(prepareSync(free, 1).parentId).toBeNull()
  })

  it('lists up to five issues with their paths', () => {
    const job = defineJob({ kind: 'k', payload: z.object({ list: z.array(z.object({ n: z.number() })) }) })
    const error = refusal(() => prepare(job, { list: Array.from({ length: 7 }, () => ({ n: 'x' })) } as never))
    expect(error.code).toBe('PAYLOAD_INVALID')
    expect(error.message).toContain('payload.list[0].n: ')
    expect(error.message).toContain('and 2 more')
    expect(error.details.issues).toHaveLength(5)
  })
})

describe('prepare refuses', () => {
  const options: readonly (readonly [string, object, string])[] = [
    ['an unknown option', { dealy: '5s' }, 'OPTION_UNKNOWN'],
    ['a negative delay', { delay: -1 }, 'OPTION_INVALID'],
    ['NaN as delay', { delay: Number.NaN }, 'OPTION_INVALID'],
    ['a huge delay', { delay: 1e300 }, 'OPTION_INVALID'],
    ['infinity as delay', { delay: Number.POSITIVE_INFINITY }, 'OPTION_INVALID'],
    ['a delay in words', { delay: 'soon' }, 'OPTION_INVALID'],
    ['runAt in the year 275760', { runAt: new Date(8.64e15) }, 'OPTION_INVALID'],
    ['runAt -1', { runAt: -1 }, 'OPTION_INVALID'],
    ['an Invalid Date', { runAt: new Date('x') }, 'OPTION_INVALID'],
    ['runAt as text', { runAt: '2026-01-01' }, 'OPTION_INVALID'],
    ['delay and runAt', { delay: 1, runAt: 1 }, 'OPTION_INVALID'],
    ['maxAttempts 0', { maxAttempts: 0 }, 'OPTION_INVALID'],
    ['maxAttempts 1e9', { maxAttempts: 1e9 }, 'OPTION_INVALID'],
    ['maxAttempts 1.5', { maxAttempts: 1.5 }, 'OPTION_INVALID'],
    ['a priority that is a number', { priority: 1.5 }, 'OPTION_INVALID'],
    ['an unknown priority', { priority: 'urgent' }, 'OPTION_INVALID'],
    ['giveUpAfter 0', { giveUpAfter: 0 }, 'OPTION_INVALID'],
    ['startWithin 0', { startWithin: 0 }, 'OPTION_INVALID'],
    ['an empty queue', { queue: '' }, 'OPTION_INVALID'],
    ['a queue of 201 characters', { queue: 'q'.repeat(201) }, 'OPTION_INVALID'],
    ['a queue with a wildcard', { queue: 'a.#' }, 'OPTION_INVALID'],
    ['a queue with a leading -', { queue: '-q' }, 'OPTION_INVALID'],
    ['a queue with a newline', { queue: 'a\nb' }, 'OPTION_INVALID'],
    ['an empty key', { idempotencyKey: '' }, 'OPTION_INVALID'],
    ['a key with NUL', { idempotencyKey: 'a\0' }, 'OPTION_INVALID'],
    ['a key with a lone surrogate', { idempotencyKey: '\ud800' }, 'OPTION_INVALID'],
    ['a key of 513 characters', { idempotencyKey: 'k'.repeat(513) }, 'OPTION_INVALID'],
    ['a group that is a number', { group: 7 }, 'OPTION_INVALID'],
    ['21 tags', { tags: Array.from({ length: 21 }, (_, index) => `t${index}`) }, 'OPTION_INVALID'],
    ['a sparse array of tags', { tags: new Array(2) }, 'OPTION_INVALID'],
    ['tags as text', { tags: 'web' }, 'OPTION_INVALID'],
    ['an id that is no UUID', { id: '42' }, 'OPTION_INVALID'],
    ['options as an array', [], 'OPTION_INVALID'],
    ['options as text', 'x' as never, 'OPTION_INVALID'],
  ]
  it.each(options)('%s', (_, given, code) => {
    expect(refusal(() => prepare(free, 1, given as EnqueueOptions)).code).toBe(code)
  })

  const jobs: readonly (readonly [string, AnyJob, unknown, string])[] = [
    ['what is no job', 'mail.send' as never, 1, 'OPTION_INVALID'],
    ['undefined for a job', undefined as never, 1, 'OPTION_INVALID'],
    ['a handler for a job', free.handle(() => undefined) as never, 1, 'OPTION_INVALID'],
    ['a payload that breaks the schema', mail, { to: 'nobody' }, 'PAYLOAD_INVALID'],
    ['null where an object is due', mail, null, 'PAYLOAD_INVALID'],
    ['undefined', free, undefined, 'PAYLOAD_LOSSY'],
    ['a schema that throws', defineJob({ kind: 'k', payload: brokenSchema() }), 1, 'PAYLOAD_INVALID'],
    ['a group function that throws', defineJob({ kind: 'k', payload: type<{ a: { b: string } }>(), group: (p) => p.a.b }), {}, 'PAYLOAD_INVALID'],
    ['a group function without an answer', defineJob({ kind: 'k', payload: type<{ g: string }>(), group: (p) => p.g }), {}, 'OPTION_INVALID'],
    [
      'a unique key that is a promise',
      defineJob({ kind: 'k', payload: type<1>(), unique: { key: (async () => 'x') as never } }),
      1,
      'OPTION_INVALID',
    ],
    ['an empty unique key', defineJob({ kind: 'k', payload: type<1>(), unique: { key: () => '' } }), 1, 'OPTION_INVALID'],
  ]
  it.each(jobs)('%s', (_, job, payload, code) => {
    const error = refusal(() => prepare(job, payload))
    expect(error.code).toBe(code)
    expect(error.message.length).toBeLessThan(700)
  })
})

function brokenSchema(): Schema<number> {
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: () => {
        throw new Error('broken')
      },
    },
  }
}
