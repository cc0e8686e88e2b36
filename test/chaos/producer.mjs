// Enqueues jobs numbered from..to, writing down each before it is sent and when it is acknowledged. A restart goes on where the journal ends, and
// what was refused or has an unknown outcome is sent again until it is acknowledged: the same id or key makes it the same job.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kerja } from 'kerja'
import { requestOf } from './jobs.mjs'
import { openJournal, readJournals } from './journal.mjs'

const PAUSE_MS = 100
/** What a store says that is away: the caller of a web server would answer 503, this one tries again. */
const PASSING = new Set(['BACKEND_UNAVAILABLE', 'ENQUEUE_TIMEOUT', 'STORE_LOCKED'])

const { url, folder, name, from, to, callers } = JSON.parse(process.argv[2])
const kerja = new Kerja({ backend: url, logger: 'error' })
const acknowledged = new Set()
const ids = new Map()
for (const entry of readJournals(folder)) {
  if (entry.type === 'acked' && entry.last) acknowledged.add(entry.number)
  if (entry.type === 'sent') ids.set(entry.number, entry.own)
}
const journal = openJournal(folder, name)
let next = from

/** A UUIDv7. */
function createId() {
  const hex = Date.now().toString(16).padStart(12, '0') + randomBytes(10).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
}

async function send(number, last) {
  const { job, payload, options } = requestOf(number)
  // A job under an idempotency key has a new id each time: the key alone must make it one.
  const own = options.idempotencyKey === undefined ? (ids.get(number) ?? createId()) : undefined
  ids.set(number, own)
  for (;;) {
    journal.write({ type: 'sent', number, own })
    try {
      const { id, duplicate } = await kerja.enqueue(job, payload, own === undefined ? options : { ...options, id: own })
      return journal.write({ type: 'acked', number, id, duplicate, last })
    } catch (error) {
      if (!PASSING.has(error.code)) throw error
      journal.write({ type: 'unsure', number, code: error.code })
      await sleep(PAUSE_MS)
    }
  }
}

async function caller() {
  while (next < to) {
    const number = next++
    if (acknowledged.has(number)) continue
    const { twice } = requestOf(number)
    if (twice) await send(number, false)
    await send(number, true)
  }
}

await Promise.all(Array.from({ length: callers }, caller))
await kerja.close()
journal.close()
