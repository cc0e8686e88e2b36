/** `onError`: the retry policy by error class that lives with the worker. */
import { defineJob, type HandlerOptions, type } from 'kerja/define'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from '../support/backends.js'
import { openStage } from '../support/stage.js'

const backoff = { first: '1ms', jitter: 'none' } as const
const job = defineJob({ kind: 'test.job', payload: type<object>(), maxAttempts: 2, backoff })
type OnError = NonNullable<HandlerOptions<void>['onError']>
const failing = (onError: OnError) =>
  job.handle(
    () => {
      throw Object.assign(new Error('not found'), { status: 404 })
    },
    { onError },
  )

describe.each(BACKENDS)('onError on $name', ({ open }) => {
  it('decides by the error it is given', async () => {
    const stage = openStage(open())
    await stage.work(failing((error, ctx) => ((error as { status?: number }).status === 404 ? ctx.fail('gone') : undefined)))
    expect(await stage.run(job)).toMatchObject({ state: 'failed', reason: 'gone', attempt: 1, failure: { message: 'not found' } })
  })

  it('may snooze, retry and cancel', async () => {
    const stage = openStage(open())
    const decisions: OnError[] = [(_error, ctx) => ctx.snooze('1ms'), (_error, ctx) => ctx.retry('3ms'), (_error, ctx) => ctx.cancel('enough')]
    await stage.work(failing((error, ctx) => decisions.shift()?.(error, ctx)))
    const ended = await stage.run(job)
    expect(ended).toMatchObject({ state: 'cancelled', reason: 'enough', attempt: 2 })
    expect(stage.seen('job.snoozed', ended.id)).toHaveLength(1)
    expect(stage.seen('job.retried', ended.id)).toMatchObject([{ delayMs: 3, failure: { message: 'not found' } }])
  })

  const undecided: readonly (readonly [string, OnError])[] = [
    ['returns nothing', () => undefined],
    [
      'throws',
      () => {
        throw new Error('onError is broken')
      },
    ],
    ['rejects', (async () => Promise.reject(new Error('onError is broken'))) as never],
    ['asks to complete', ((_error: unknown, ctx: { complete(): never }) => ctx.complete()) as never],
    ['returns a revoked proxy', () => revoked() as never],
  ]
  for (const [name, onError] of undecided) {
    it(`leaves the job to its own policy when it ${name}`, async () => {
      const stage = openStage(open())
      await stage.work(failing(onError))
      expect(await stage.run(job)).toMatchObject({ state: 'failed', reason: 'attempts', attempt: 2, failure: { message: 'not found' } })
    })
  }
})

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
