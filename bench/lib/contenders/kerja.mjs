/** Kerja as a contender, through its public surface and with its defaults: on the servers that this measurement has, else on SQLite. */
import { join } from 'node:path'
import { drainWith } from '../drain.mjs'
import { importKerja } from '../import-kerja.mjs'
import { spoil } from '../spoil.mjs'

const { Kerja } = await importKerja('kerja')
const { defineJob, type } = await importKerja('kerja/define')

const noop = defineJob({ kind: 'bench.noop', payload: type(), retention: { completed: '1h' } })

/** Not `job.rescued`: failover is a scenario. */
const SPOILING = ['job.retried', 'job.failed', 'job.cancelled', 'job.held', 'job.lost']

const { BENCH_POSTGRES_URL: server, BENCH_POSTGRES_SCHEMA: schema, BENCH_RABBITMQ_URL: broker, BENCH_RABBITMQ_PREFIX: prefix } = process.env
const folder = process.env.BENCH_STORE

function withQuery(address, name, value) {
  const url = new URL(address)
  url.searchParams.set(name, value)
  return url.href
}

/** What Kerja is told of where jobs are kept. */
function store() {
  const database = server === undefined ? null : withQuery(server, 'schema', schema)
  if (broker !== undefined) return { backend: withQuery(broker, 'prefix', prefix), ...(database === null ? {} : { state: database }) }
  return { backend: database ?? `sqlite:${join(folder, 'kerja.db')}` }
}

const connect = () => new Kerja(store())

export async function openProducer() {
  const kerja = connect()
  return {
    enqueue: (payload) => kerja.enqueue(noop, payload),
    enqueueMany: (payloads, { scheduled = false } = {}) => {
      const options = scheduled ? { delay: '1d' } : undefined
      return kerja.enqueueMany(payloads.map((payload) => noop.with(payload, options)))
    },
    close: () => kerja.close(),
  }
}

/** `handler(payload)` runs each job; `onSettled` is called when its end is on disk. */
export async function openWorker({ concurrency, handler, onSettled = () => undefined }) {
  const kerja = connect()
  kerja.events.on('job.completed', onSettled)
  for (const name of SPOILING) kerja.events.on(name, (event) => spoil(`${name}: ${event.failure?.message ?? event.why ?? event.reason}`))
  const worker = kerja.worker({ handlers: [noop.handle(handler)], concurrency })
  await worker.start()
  return {
    stop: async () => {
      await worker.stop()
      await kerja.close()
    },
  }
}

export const drain = drainWith(openWorker)

// On SQLite everything runs in the measured process.
const SQLITE_METERS = { serverCpuSeconds: async () => 0, walBytes: async () => null }

export const { serverCpuSeconds, walBytes } = server === undefined ? SQLITE_METERS : await import('../postgres/server.mjs')

/** How its claims look in a server's log. */
export const claimPattern = /\bclaim_\d+\(/
