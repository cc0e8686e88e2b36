// Enqueues jobs numbered from..to, writing down each before it is sent and when it is acknowledged. A restart goes on where the journal ends.
import { Kerja } from 'kerja'
import { chaosJob } from './jobs.mjs'
import { openJournal, readJournals } from './journal.mjs'

const { url, folder, name, from, to, callers } = JSON.parse(process.argv[2])
const kerja = new Kerja({ backend: url, logger: 'error' })
const acknowledged = new Set(
  readJournals(folder)
    .filter((entry) => entry.type === 'acked')
    .map((entry) => entry.number),
)
const journal = openJournal(folder, name)
let next = from

async function caller() {
  while (next < to) {
    const number = next++
    if (acknowledged.has(number)) continue
    journal.write({ type: 'sent', number })
    // The same number is sent again after a kill: the idempotency key makes it the same job, acknowledged before the kill or not.
    const receipt = await kerja.enqueue(chaosJob, { number, text: 'x'.repeat(120) }, { idempotencyKey: `job-${number}` })
    journal.write({ type: 'acked', number, id: receipt.id })
  }
}

await Promise.all(Array.from({ length: callers }, caller))
await kerja.close()
journal.close()
