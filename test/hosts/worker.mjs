// A worker on one of the hosts. Writes down each start, each end of a handler and why, and each settlement that the store accepted or refused.
import { setTimeout as sleep } from 'node:timers/promises'
import { Kerja } from 'kerja'
import { openJournal } from '../chaos/journal.mjs'
import { long, RUN_MS, short } from './jobs.mjs'

const { url, folder, name } = JSON.parse(process.argv[2])
const kerja = new Kerja({ backend: url, logger: 'silent' })
const journal = openJournal(folder, name)
const tokens = new Map()

kerja.events.on('worker.started', ({ workerId }) => journal.write({ type: 'up', workerId }))
kerja.events.on('job.started', ({ id, attempt, token }) => {
  tokens.set(id, token)
  journal.write({ type: 'started', id, attempt, token })
})
kerja.events.on('job.completed', ({ id, token }) => journal.write({ type: 'accepted', outcome: 'complete', id, token }))
kerja.events.on('job.retried', ({ id, token }) => journal.write({ type: 'accepted', outcome: 'retry', id, token }))
kerja.events.on('job.released', ({ id }) => journal.write({ type: 'released', id }))
kerja.events.on('job.lost', ({ id, token }) => journal.write({ type: 'refused', id, token }))
kerja.events.on('job.rescued', ({ id, cause }) => journal.write({ type: 'rescued', id, cause }))

const handlerOf = (job) =>
  job.handle(async (_payload, ctx) => {
    const token = tokens.get(ctx.id)
    try {
      await sleep(RUN_MS[job.kind], undefined, { signal: ctx.signal })
    } finally {
      journal.write({ type: 'ended', id: ctx.id, token, abortedBy: ctx.signal.aborted ? ctx.signal.reason.code : null })
    }
  })

await kerja.worker({ handlers: [short, long].map(handlerOf), concurrency: 14, queues: { long: 4 }, shutdownGrace: '30s' }).run()
journal.close()
