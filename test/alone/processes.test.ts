/** Brokers without a state, over real processes and real time: a lease is kept while a handler blocks its process, and ends with it. */
import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Kerja } from 'kerja'
import type { Backend } from 'kerja/backend'
import { defineJob, type } from 'kerja/define'
import { rabbitmq } from 'kerja/rabbitmq'
import { sqs } from 'kerja/sqs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { rabbitmqUrl } from '../support/rabbitmq.js'
import { removeAlone } from '../support/rabbitmq-alone.js'
import { startSqs } from '../support/sqs-server.js'
import { createWaiting } from '../support/waiting.js'

const long = defineJob({ kind: 'test.long', payload: type<{ readonly ms: number }>() })

interface Place {
  readonly options: object
  open(): Backend
}

interface Broker {
  readonly backend: 'rabbitmq' | 'sqs'
  readonly open: () => Promise<Place>
  /** Longer than a lease without renewal: of the worker, and of SQS several times. */
  readonly blockMs: number
}

const BROKERS: readonly Broker[] = [
  {
    backend: 'rabbitmq',
    blockMs: 13_000,
    async open() {
      const options = { url: rabbitmqUrl(), prefix: `test-${randomUUID().slice(0, 13)}` }
      onTestFinished(() => removeAlone(options.prefix, ['default']))
      return { options, open: () => rabbitmq(options) }
    },
  },
  {
    backend: 'sqs',
    blockMs: 26_000,
    async open() {
      const server = await startSqs()
      onTestFinished(() => server.stop())
      const options = { ...server.options, visibilityTimeout: '5s' } as const
      return { options, open: () => sqs(options) }
    },
  },
]

interface Told {
  readonly event: string
  readonly attempt?: number
  readonly token?: number
  readonly error?: string
}

function startWorker(backend: string, options: object) {
  const child: ChildProcess = fork(join(import.meta.dirname, 'worker-process.mjs'), [JSON.stringify({ backend, options })])
  onTestFinished(() => void child.kill('SIGKILL'))
  const told: Told[] = []
  const { check, when } = createWaiting()
  child.on('message', (message) => {
    told.push(message as Told)
    check()
  })
  return { child, told, until: (event: string): Promise<Told> => when(() => told.find((one) => one.event === event)) }
}

async function openKerja(place: Place): Promise<Kerja> {
  const kerja = new Kerja({ backend: place.open(), logger: 'error' })
  onTestFinished(() => kerja.close())
  await kerja.open()
  return kerja
}

describe.each(BROKERS)('$backend without a state', ({ backend, open, blockMs }) => {
  it('lets a job run that blocks its process for longer than a lease, once', { timeout: 90_000 }, async () => {
    const place = await open()
    const kerja = await openKerja(place)
    const worker = startWorker(backend, place.options)
    await worker.until('worker.started')
    await kerja.enqueue(long, { ms: blockMs })
    await worker.until('running')
    // From now on somebody else is there who would run what comes again.
    const ran: string[] = []
    await kerja.worker({ handlers: [long.handle((_payload, ctx) => void ran.push(ctx.id))] }).start()
    expect(await worker.until('job.completed')).toMatchObject({ attempt: 1, token: 1 })
    expect(worker.told.filter(({ event }) => event === 'job.lost' || event === 'worker.trouble')).toEqual([])
    expect(ran).toEqual([])
  })

  it('hands the job of a process that died to another', { timeout: 60_000 }, async () => {
    const place = await open()
    const kerja = await openKerja(place)
    const worker = startWorker(backend, place.options)
    await worker.until('worker.started')
    const { id } = await kerja.enqueue(long, { ms: 60_000 })
    await worker.until('running')
    const { check, when } = createWaiting()
    const completed: { readonly id: string; readonly attempt: number; readonly token: number }[] = []
    kerja.events.on('job.completed', (event) => {
      completed.push(event)
      check()
    })
    await kerja.worker({ handlers: [long.handle(() => undefined)] }).start()
    worker.child.kill('SIGKILL')
    // On SQS a poll of the dead process may have taken it once more.
    expect(await when(() => completed[0])).toMatchObject({ id, attempt: 1, token: expect.toSatisfy((token: number) => token >= 2) })
  })

  it('delays, retries and gives back by the broker’s own clock', { timeout: 60_000 }, async () => {
    const kerja = await openKerja(await open())
    const job = defineJob({ kind: 'test.job', payload: type<object>(), backoff: { first: 1 } })
    const attempts: number[] = []
    const { check, when } = createWaiting()
    kerja.events.on('job.completed', check)
    await kerja
      .worker({
        handlers: [
          job.handle((_payload, ctx) => {
            attempts.push(ctx.attempt)
            if (attempts.length === 1) throw new Error('once')
            return attempts.length === 2 ? ctx.snooze('1s') : undefined
          }),
        ],
      })
      .start()
    const enqueuedAt = Date.now()
    await kerja.enqueue(job, {}, { delay: '2s' })
    await when(() => (attempts.length === 3 ? true : undefined))
    expect(attempts).toEqual([1, 2, 2])
    expect(Date.now() - enqueuedAt).toBeGreaterThanOrEqual(3_000)
  })
})
