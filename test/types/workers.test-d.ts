// What the types of handlers and workers promise. Compiled, never run.
import { defineJob, type Kerja, type } from 'kerja'
import { z } from 'zod'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>): void => undefined

declare const kerja: Kerja

const transcode = defineJob({
  kind: 'video.transcode',
  payload: z.object({ at: z.coerce.date() }),
  result: z.object({ url: z.string() }),
  queue: 'media',
})
const welcome = defineJob({ kind: 'mail.welcome', payload: type<{ to: string }>() })

const transcodeVideo = transcode.handle(
  async (payload, ctx) => {
    same<typeof payload.at, Date>(true)
    same<typeof ctx.id, string>(true)
    same<typeof ctx.signal, AbortSignal>(true)
    same<typeof ctx.scheduledFor, Date>(true)
    ctx.progress(0.4, 'encoding')
    ctx.log.info('…')
    await ctx.enqueue(welcome, { to: 'a' })
    ctx.enqueueOnComplete(welcome, { to: 'a' }, { delay: '5m' })
    if (payload.at.getTime() === 0) return ctx.snooze('5m')
    if (payload.at.getTime() === 1) return ctx.complete({ url: 'x' })
    // @ts-expect-error the payload of another job
    await ctx.enqueue(welcome, { at: new Date() })
    // @ts-expect-error not the result
    if (payload.at.getTime() === 2) return ctx.complete({ uri: 'x' })
    return { url: 'https://example.com' }
  },
  { onError: (error, ctx) => (error instanceof RangeError ? ctx.fail('gone') : undefined) },
)
const sendWelcome = welcome.handle(async (payload) => {
  same<typeof payload, { to: string }>(true)
})

// @ts-expect-error the result does not match its schema
transcode.handle(async () => ({ uri: 'x' }))
// @ts-expect-error a job with a result must return one
transcode.handle(async () => undefined)
// @ts-expect-error a closure cannot be moved to a thread of its own
welcome.handle(async () => undefined, { isolate: 'thread' })
// @ts-expect-error outcomes are made by ctx
transcode.handle(async () => ({ type: 'snooze', delayMs: 5 }))

kerja.worker({ handlers: [transcodeVideo, sendWelcome], concurrency: 10, queues: { media: 2, default: 5 }, shutdownGrace: '25s' })
// @ts-expect-error a misspelled queue
kerja.worker({ handlers: [transcodeVideo, sendWelcome], queues: { meda: 2 } })
// @ts-expect-error a queue that no handler of this worker uses
kerja.worker({ handlers: [sendWelcome], queues: { media: 2 } })
// @ts-expect-error a job is not a handler
kerja.worker({ handlers: [welcome] })
// @ts-expect-error a misspelled option
kerja.worker({ handlers: [sendWelcome], concurency: 1 })
