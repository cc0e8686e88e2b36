// What the types of a definition promise: payload in and out, result, queue names. Compiled, never run.
import { type Duration, defineJob, defineSchedule, Kerja, type PayloadOf, type ReturnedOf, type } from 'kerja'
import * as v from 'valibot'
import { z } from 'zod'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>): void => undefined

declare const kerja: Kerja

const transcode = defineJob({
  kind: 'video.transcode',
  payload: z.object({ videoId: z.string(), height: z.number(), at: z.coerce.date().optional() }),
  result: z.object({ url: z.string(), when: z.string().transform((text) => new Date(text)) }),
  queue: 'media',
  group: (payload) => payload.videoId,
  unique: { key: (payload) => payload.at?.toISOString() ?? payload.videoId, while: 'waiting', whenTaken: 'replace', debounce: '5s' },
  backoff: { first: '5s', max: '1h', jitter: 'equal' },
  timeout: 'never',
  giveUpAfter: '2d',
  retention: { completed: '1d' },
})
const welcome = defineJob({ kind: 'mail.welcome', payload: type<{ to: string }>() })
const resize = defineJob({ kind: 'image.resize', payload: v.object({ width: v.pipe(v.string(), v.transform(Number)) }), result: type<number>() })

// What `enqueue` takes is the schema's input, what handlers get its output; what `result` gives is the result schema's output.
same<PayloadOf<typeof welcome>, { to: string }>(true)
same<PayloadOf<typeof resize>, { width: string }>(true)
same<ReturnedOf<typeof transcode>, { url: string; when: Date }>(true)
same<ReturnedOf<typeof resize>, number>(true)
same<ReturnedOf<typeof welcome>, undefined>(true)
same<(typeof transcode)['queue'], 'media'>(true)
same<(typeof welcome)['queue'], 'default'>(true)
same<(typeof welcome)['kind'], 'mail.welcome'>(true)

export async function enqueueing() {
  const receipt = await kerja.enqueue(transcode, { videoId: 'v1', height: 720, at: '2026-01-01' as never }, { delay: '10m', priority: 'high' })
  same<typeof receipt.durability, 'queued' | 'in-transaction' | 'spooled'>(true)
  same<typeof receipt.duplicate, boolean | 'unknown'>(true)
  await kerja.enqueue(resize, { width: '10' })
  await kerja.enqueueMany([welcome.with({ to: 'a' }), transcode.with({ videoId: 'v', height: 1 }, { tags: ['x'] })])
  await kerja.enqueueMany(new Set([welcome.with({ to: 'a' })]))

  // @ts-expect-error the payload of another job
  await kerja.enqueue(transcode, { to: 'ana@example.com' })
  // @ts-expect-error a payload is missing
  await kerja.enqueue(welcome)
  // @ts-expect-error a property too many
  await kerja.enqueue(welcome, { to: 'a', cc: 'b' })
  // @ts-expect-error the schema's output is not its input
  await kerja.enqueue(resize, { width: 10 })
  // @ts-expect-error a misspelled option
  await kerja.enqueue(welcome, { to: 'a' }, { dealy: '10m' })
  // @ts-expect-error no such priority
  await kerja.enqueue(welcome, { to: 'a' }, { priority: 'urgent' })
  // @ts-expect-error no duration
  await kerja.enqueue(welcome, { to: 'a' }, { delay: 'soon' })
  // @ts-expect-error a kind is not a job
  await kerja.enqueue('mail.welcome', { to: 'a' })
  // @ts-expect-error the payload of another job
  transcode.with({ to: 'a' })
  // @ts-expect-error a job without its payload
  await kerja.enqueueMany([welcome])
  // @ts-expect-error transactions are given to the call, not to an entry
  welcome.with({ to: 'a' }, { tx: undefined as never as TransactionLike })
}

interface TransactionLike {
  prepare(sql: string): { all(...parameters: unknown[]): unknown[]; run(...parameters: unknown[]): unknown }
  exec(sql: string): unknown
}
declare const database: TransactionLike
declare const pool: { query(sql: string): Promise<unknown>; connect(): Promise<unknown>; end(): Promise<void> }

export async function transactions() {
  await kerja.enqueue(welcome, { to: 'a' }, { tx: database })
  await kerja.enqueueMany([welcome.with({ to: 'a' })], { tx: database })
  const receipt = kerja.enqueueSync(welcome, { to: 'a' }, { tx: database })
  same<typeof receipt extends Promise<unknown> ? true : false, false>(true)
  // @ts-expect-error a pool is no transaction
  await kerja.enqueue(welcome, { to: 'a' }, { tx: pool })
  // @ts-expect-error a pool is no transaction
  kerja.enqueueSync(welcome, { to: 'a' }, { tx: pool })
  // @ts-expect-error enqueueSync needs one
  kerja.enqueueSync(welcome, { to: 'a' })
  // @ts-expect-error enqueueSync needs one
  kerja.enqueueSync(welcome, { to: 'a' }, { delay: '5s' })
}

export async function results() {
  const { url, when } = await kerja.result(transcode, 'id', { timeout: '30s', signal: new AbortController().signal })
  same<typeof url, string>(true)
  same<typeof when, Date>(true)
  same<Awaited<ReturnType<typeof kerja.result<typeof welcome>>>, undefined>(true)
  for await (const event of kerja.watch(transcode, 'id')) {
    if (event.type === 'state') same<typeof event.job.result, { url: string; when: Date } | undefined>(true)
    if (event.type === 'progress') same<typeof event.progress.fraction, number>(true)
    if (event.type === 'log') same<typeof event.line.at, Date>(true)
    // @ts-expect-error no such event
    if (event.type === 'done') return
  }
  const typed = await kerja.jobs.get(transcode, 'id')
  same<typeof typed.payload, PayloadOf<typeof transcode> | undefined>(true)
  const untyped = await kerja.jobs.get('id')
  same<typeof untyped.payload, unknown>(true)
  await kerja.jobs.update(welcome, 'id', { payload: { to: 'b' } })
  // @ts-expect-error a payload needs the job that types it
  await kerja.jobs.update('id', { payload: { to: 'b' } })
  // @ts-expect-error the payload of another job
  await kerja.jobs.update(welcome, 'id', { payload: { videoId: 'v' } })
  // @ts-expect-error no such state
  await kerja.jobs.list({ states: ['done'] })
  const many = await kerja.jobs.cancel(['id'])
  same<(typeof many)[number]['id'], string>(true)
}

export const durations: readonly Duration[] = ['250ms', '30s', '5m', '1h30m', '2d', 1_500]
// @ts-expect-error no unit
export const noDuration: Duration = '5 minutes'

defineSchedule('nightly', welcome.with({ to: 'a' }), { cron: '0 2 * * *', timeZone: 'Asia/Jakarta', missed: 'once', overlap: 'skip' })
// @ts-expect-error no such policy
defineSchedule('nightly', welcome.with({ to: 'a' }), { cron: '0 2 * * *', missed: 'twice' })
// @ts-expect-error a job without its payload
defineSchedule('nightly', welcome, { cron: '0 2 * * *' })

// @ts-expect-error a misspelled option
defineJob({ kind: 'k', payload: type<number>(), maxAttemps: 3 })
// @ts-expect-error a schema is needed
defineJob({ kind: 'k' })
// @ts-expect-error key functions get the payload's output
defineJob({ kind: 'k', payload: type<{ a: string }>(), group: (payload) => payload.b })
// @ts-expect-error keys are text
defineJob({ kind: 'k', payload: type<{ a: number }>(), unique: { key: (payload) => payload.a } })

new Kerja({ backend: 'sqlite:jobs.db', enqueueTimeout: '5s', logger: 'warn' })
new Kerja({ logger: console })
// @ts-expect-error a misspelled option
new Kerja({ backnd: 'memory:' })
// @ts-expect-error no such level
new Kerja({ logger: 'loud' })

kerja.events.on('job.completed', (event) => same<typeof event.durationMs, number>(true))
// @ts-expect-error no such event
kerja.events.on('job.done', () => undefined)
