// Runs the chaos jobs and writes down each start, each end of a handler and each settlement that the store accepted or refused.
import { Kerja } from 'kerja'
import { chaosJob } from './jobs.mjs'
import { openJournal } from './journal.mjs'

const { url, folder, name, concurrency } = JSON.parse(process.argv[2])
const kerja = new Kerja({ backend: url, logger: 'error' })
const journal = openJournal(folder, name)
const tokens = new Map()

kerja.events.on('job.started', ({ id, attempt, token }) => {
  tokens.set(id, token)
  journal.write({ type: 'started', id, attempt, token })
})
kerja.events.on('job.completed', ({ id, token }) => journal.write({ type: 'accepted', outcome: 'complete', id, token }))
kerja.events.on('job.retried', ({ id, token }) => journal.write({ type: 'accepted', outcome: 'retry', id, token }))
kerja.events.on('job.failed', ({ id, token }) => journal.write({ type: 'accepted', outcome: 'fail', id, token }))
kerja.events.on('job.lost', ({ id, token }) => journal.write({ type: 'refused', id, token }))
kerja.events.on('job.rescued', ({ id, cause }) => journal.write({ type: 'rescued', id, cause }))

const handler = chaosJob.handle(async ({ number }, ctx) => {
  const token = tokens.get(ctx.id)
  try {
    // Every tenth job fails its first attempt; some take long enough that a kill finds them running.
    if (number % 7 === 0) await new Promise((resolve) => setTimeout(resolve, number % 40))
    if (number % 10 === 0 && ctx.attempt === 1) throw new Error('first attempt of every tenth job')
  } finally {
    journal.write({ type: 'ended', id: ctx.id, token })
  }
})

await kerja.worker({ handlers: [handler], concurrency }).run()
journal.close()
