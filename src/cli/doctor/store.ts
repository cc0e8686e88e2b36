/** What the store itself says: can it be opened, read and written; do clocks agree; who works; what lies about. */
import { existsSync } from 'node:fs'
import { isKerjaError, type Job, type Kerja, type QueueStatus, type WorkerStatus } from '../../index.js'
import type { Target } from '../target.js'
import { cappedCount, shortDuration } from '../text.js'
import { type Check, fail, ok, warn } from './check.js'

/** Paused and resumed to prove that a write is possible and can be read back: no job and no worker uses it. */
const PROBE_QUEUE = 'kerja.doctor'
const SKEW_MS_WARN = 5_000
const JOBS_LOOKED_AT = 200
const NAMED_MAX = 3

export async function checkStore(kerja: Kerja, target: Target): Promise<readonly Check[]> {
  const isNew = target.file !== null && !existsSync(target.file)
  const opened = await attempt('open', async () => {
    const pending = isNew ? [] : await kerja.migrate({ plan: true })
    if (pending.length > 0)
      return warn(
        'open',
        `${pending.length} migrations are pending`,
        'kerja migrate --plan shows them, kerja migrate runs them; so does the next process that opens the store.',
      )
    await kerja.open()
    return ok('open', isNew ? 'created the store' : 'opened, schema up to date')
  })
  // What is behind a door that does not open need not be asked for.
  if (opened.status !== 'ok') return [opened]
  return [opened, await checkReadWrite(kerja), ...(await checkWork(kerja))]
}

async function checkReadWrite(kerja: Kerja): Promise<Check> {
  return attempt('read/write', async () => {
    const startedAt = performance.now()
    await kerja.queues.pause(PROBE_QUEUE)
    try {
      const found = (await kerja.queues.list()).some(({ queue, paused }) => queue === PROBE_QUEUE && paused)
      if (!found)
        return fail('read/write', 'what was written was not read back', 'Check that nothing replaces or restores the store while processes use it.')
    } finally {
      await kerja.queues.resume(PROBE_QUEUE)
    }
    return ok('read/write', `written and read back in ${shortDuration(performance.now() - startedAt)}`)
  })
}

async function checkWork(kerja: Kerja): Promise<readonly Check[]> {
  try {
    const [workers, queues, waiting, newest] = await Promise.all([
      kerja.workers.list(),
      kerja.queues.stats(),
      kerja.jobs.list({ states: ['available', 'scheduled', 'retryable'], limit: JOBS_LOOKED_AT }),
      kerja.jobs.list({ limit: 1 }),
    ])
    const now = Date.now()
    return [
      checkClock(workers, newest.jobs, now),
      checkWorkers(workers, now),
      checkBacklog(queues, waiting.jobs, workers),
      checkHeld(queues, waiting.jobs),
      checkPaused(queues),
    ]
  } catch (error) {
    if (!isKerjaError(error)) throw error
    return [fail('read', `${error.code}: ${error.message}`, `See ${error.docs}.`)]
  }
}

/** The store's clock writes these instants: what lies ahead of this machine's shows how far apart they are. */
function checkClock(workers: readonly WorkerStatus[], newest: readonly Job[], now: number): Check {
  const instants = [...workers.map((worker) => worker.heartbeatAt), ...newest.map((job) => job.createdAt)]
  const aheadMs = Math.max(0, ...instants.map((instant) => instant.getTime() - now))
  if (aheadMs <= SKEW_MS_WARN) return ok('clock', 'in step with the store')
  return warn(
    'clock',
    `the store has instants ${shortDuration(aheadMs)} ahead of this machine's clock`,
    'Set the clock by NTP; until then due jobs wait longer.',
  )
}

function checkWorkers(workers: readonly WorkerStatus[], now: number): Check {
  const alive = workers.filter((worker) => worker.alive)
  const slots = alive.reduce((sum, worker) => sum + worker.concurrency, 0)
  if (alive.length > 0) return ok('workers', `${alive.length} alive, ${slots} slots`)
  const last = Math.max(...workers.map((worker) => worker.heartbeatAt.getTime()))
  const words = workers.length === 0 ? 'none is running' : `none is alive; the last one was ${shortDuration(now - last)} ago`
  return warn('workers', words, 'Start one: kerja worker (or kerja dev while you write).')
}

function checkBacklog(queues: readonly QueueStatus[], waiting: readonly Job[], workers: readonly WorkerStatus[]): Check {
  const stranded = queues.filter((status) => (status.held['no-worker'] ?? 0) > 0)
  if (stranded.length === 0) {
    const slowest = Math.max(0, ...queues.map((status) => status.latencyMs ?? 0))
    return ok('backlog', slowest === 0 ? 'nothing waits that could run' : `the oldest ready job waits for ${shortDuration(slowest)}`)
  }
  const counts = stranded.map((status) => `${cappedCount(status.held['no-worker'] ?? 0, status.countCap)} in ${status.queue}`)
  const kinds = namesOf(waiting.filter((job) => job.holdReason === 'no-worker').map((job) => job.kind))
  const words = `jobs wait that no worker runs: ${counts.join(', ')}${kinds === '' ? '' : ` (${kinds})`}`
  const remedy = workers.some((worker) => worker.alive)
    ? 'Start a worker that serves these queues and kinds, at the version enqueued, or cancel the jobs.'
    : 'Start a worker: kerja worker.'
  return fail('backlog', words, remedy)
}

function checkHeld(queues: readonly QueueStatus[], waiting: readonly Job[]): Check {
  const invalid = queues.filter((status) => (status.held.invalid ?? 0) > 0)
  if (invalid.length === 0) return ok('held jobs', 'none is held as invalid')
  const counts = invalid.map((status) => `${cappedCount(status.held.invalid ?? 0, status.countCap)} in ${status.queue}`)
  const found = waiting.filter((job) => job.holdReason === 'invalid')
  const kinds = namesOf(found.map((job) => job.kind))
  const example = found[0] === undefined ? 'kerja jobs show ID' : `kerja jobs show ${found[0].id}`
  return warn(
    'held jobs',
    `payloads that do not parse: ${counts.join(', ')}${kinds === '' ? '' : ` (${kinds})`}`,
    `${example} says why. Mend the schema and deploy, then: kerja jobs retry ID.`,
  )
}

function checkPaused(queues: readonly QueueStatus[]): Check {
  const paused = queues.filter((status) => status.paused).map(({ queue }) => queue)
  if (paused.length === 0) return ok('queues', 'none is paused')
  return warn('queues', `paused: ${namesOf(paused)}`, `kerja queues resume ${paused[0]}`)
}

function namesOf(names: readonly string[]): string {
  const different = [...new Set(names)]
  const more = different.length > NAMED_MAX ? ` and ${different.length - NAMED_MAX} more` : ''
  return `${different.slice(0, NAMED_MAX).join(', ')}${more}`
}

async function attempt(name: string, run: () => Promise<Check>): Promise<Check> {
  try {
    return await run()
  } catch (error) {
    if (!isKerjaError(error)) throw error
    return fail(name, `${error.code}: ${error.message}`, `See ${error.docs}.`)
  }
}
