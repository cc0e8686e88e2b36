// Runs the chaos jobs and writes down each start, each end of a handler and each settlement that the store accepted or refused.
import { Kerja } from 'kerja'
import { fails, JOBS, runMs } from './jobs.mjs'
import { openJournal } from './journal.mjs'

const { url, folder, name, concurrency } = JSON.parse(process.argv[2])
const kerja = new Kerja({ backend: url, logger: 'error' })
const journal = openJournal(folder, name)
const tokens = new Map()
let isStarted = false

kerja.events.on('worker.started', () => {
  isStarted = true
  journal.write({ type: 'up' })
})
kerja.events.on('job.started', ({ id, attempt, token }) => {
  tokens.set(id, token)
  journal.write({ type: 'started', id, attempt, token })
})
kerja.events.on('job.completed', ({ id, token }) => journal.write({ type: 'accepted', outcome: 'complete', id, token }))
kerja.events.on('job.retried', ({ id, token }) => journal.write({ type: 'accepted', outcome: 'retry', id, token }))
kerja.events.on('job.failed', ({ id, token }) => journal.write({ type: 'accepted', outcome: 'fail', id, token }))
kerja.events.on('job.lost', ({ id, token }) => journal.write({ type: 'refused', id, token }))
kerja.events.on('job.rescued', ({ id, cause }) => journal.write({ type: 'rescued', id, cause }))

/** Takes as long as the number says, or until it must not go on. */
const work = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true })
  })

const handle = async ({ number }, ctx) => {
  const token = tokens.get(ctx.id)
  try {
    if (runMs(number) > 0) await work(runMs(number), ctx.signal)
    ctx.signal.throwIfAborted()
    if (fails(number, ctx.attempt)) throw new Error('first attempt of every tenth job')
  } finally {
    journal.write({ type: 'ended', id: ctx.id, token })
  }
}

try {
  await kerja.worker({ handlers: JOBS.map((job) => job.handle(handle)), concurrency }).run()
} catch (error) {
  // The store was away at the very start: whoever started this process starts another. A worker that ran must not end by itself.
  if (isStarted || error.code !== 'BACKEND_UNAVAILABLE') throw error
  process.exitCode = 75
}
journal.close()
