// An SQS that does whatever the documentation does not exclude: duplicates, disorder, refusals, answers that are lost. Its state is a SQLite file.
// Births and ends are those of the state: a job is born where it is checked out, or where it is kept because it has a key.
import { createJiti } from 'jiti'
import { openStore as openState } from './sqlite.mjs'

const FAULTS = {
  duplicate: 0.02,
  lateVisibility: 0.02,
  reorder: 0.5,
  emptyPoll: 0.05,
  staleDeleteWorks: 0.5,
  throttle: 0.02,
  serverError: 0.02,
  lostAnswer: 0.02,
  cutConnection: 0.01,
  entryError: 0.01,
  entryLostAnswer: 0.01,
}
/** Long enough that a call with the SDK's own retries ends in it. */
const REFUSE_EVERY_MS = 10_000
const REFUSE_MS_MAX = 2_000

export async function openStore({ folder, random, seed }) {
  const { startHostileSqs } = await createJiti(import.meta.url).import('../../support/hostile-sqs.ts')
  const state = await openState({ folder })
  const server = await startHostileSqs({ seed, faults: FAULTS })
  const { endpoint, region, prefix, credentials } = server.options
  // For this process and for those it starts.
  process.env.KERJA_STATE_URL = state.url
  process.env.AWS_ACCESS_KEY_ID = credentials.accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = credentials.secretAccessKey
  const counts = { restarts: 0, terminated: 0 }
  const outages = []

  /** Nobody is let in for a while. */
  async function refuse() {
    const startedAt = Date.now()
    server.refuse('ServiceUnavailable')
    await new Promise((resolve) => setTimeout(resolve, random() * REFUSE_MS_MAX))
    server.refuse(null)
    counts.restarts += 1
    outages.push({ startedAt, endedAt: Date.now() })
  }

  return {
    ...state,
    url: `sqs://${region}/${prefix}?endpoint=${encodeURIComponent(endpoint)}`,
    faults: [{ everyMs: REFUSE_EVERY_MS, act: refuse }],
    outages,
    /** What a process that was killed had received is out of sight for a while, and not in SQS's count of what waits. */
    isEmpty: () => [...server.queues].every(([name, { messages }]) => name.endsWith('dead') || messages.size === 0),
    counts: () => ({ ...counts, requests: server.requests.length }),
    close: async () => {
      await server.stop()
      await state.close()
    },
  }
}
