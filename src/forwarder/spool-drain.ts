/**
 * Drains the spool into the backend, in the order in which its jobs came: read, accept over there, leave. It is also what finds out that the backend
 * is back.
 *
 * States: idle (nothing to drain: looks now and then what dead processes left) → draining → waiting (the backend is away; longer each time) →
 * draining … → closed. A crash between accept and leave sends the same jobs again, and they merge by id.
 */
import type { Backend } from '../contract/backend.js'
import type { Envelope } from '../contract/envelope.js'
import { DEFAULTS } from '../core/options.js'
import { isAway, isKerjaError } from '../errors.js'
import type { EventHub } from '../observe/events.js'
import type { SpoolBatch, SpoolFiles } from '../spool/spool.js'
import type { Again } from './again.js'
import { acceptEach, type Outcome } from './carry.js'

const { retryFirstMs, retryMaxMs } = DEFAULTS.worker
const { batchJobs, batchBytes, lookMs, closeMs } = DEFAULTS.spool

export interface SpoolDrainOptions {
  readonly spool: SpoolFiles
  /** @throws what opening the backend fails with */
  readonly open: () => Promise<Backend>
  readonly random: () => number
  readonly events: Pick<EventHub, 'emit'>
  /** A batch has arrived: the backend answers. */
  readonly onAnswered: () => void
  /** A batch was drained or nothing is to be, and the last look at the folder went well too. */
  readonly onSound: () => void
}

export interface SpoolDrain {
  /** Idempotent. */
  start(): void
  /** There may be something to drain. */
  wake(): void
  /** Drains what it can while the backend answers, for a short time; the rest stays. Never throws. */
  close(): Promise<void>
}

/** Jobs are sent again as a whole batch, by the loop. */
const once: Again = (call) => call()

export function createSpoolDrain(options: SpoolDrainOptions): SpoolDrain {
  const { spool, open, random, events, onAnswered, onSound } = options
  let running: Promise<void> | null = null
  let closing = false
  let failing = false
  let lookedAt = Number.NEGATIVE_INFINITY
  let canLook = true
  /** Something was spooled since the spool was last found empty. */
  let woken = false
  let interrupt: (() => void) | undefined

  /** Keeps no process alive: what is spooled stays. */
  const rest = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      if (closing) return resolve()
      const timer = setTimeout(resolve, ms)
      timer.unref()
      interrupt = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  async function look(): Promise<void> {
    if (performance.now() - lookedAt < lookMs) return
    lookedAt = performance.now()
    try {
      await spool.look()
      canLook = true
    } catch (error) {
      // What others left is not seen for now: no reason to keep back what is held.
      canLook = false
      events.emit('spool.trouble', { error })
    }
  }

  async function drainNext(batch: SpoolBatch): Promise<void> {
    await drainBatch(batch, { spool, target: await open(), again: once, events })
    failing = false
    if (canLook) onSound()
    onAnswered()
  }

  async function run(): Promise<void> {
    let waitMs: number = retryFirstMs
    while (!closing || !failing) {
      try {
        await look()
        woken = false
        const batch = await spool.read({ jobs: batchJobs, bytes: batchBytes })
        if (batch !== null) {
          await drainNext(batch)
          waitMs = retryFirstMs
        } else {
          if (closing) return
          await spool.tidy()
          failing = false
          if (canLook) onSound()
          if (!woken) await rest(lookMs)
        }
      } catch (error) {
        failing = true
        if (closing || isKerjaError(error, 'BACKEND_CLOSED')) return
        events.emit('spool.trouble', { error })
        await rest(waitMs * (0.5 + random() / 2))
        waitMs = Math.min(waitMs * 2, retryMaxMs)
      }
    }
  }

  return {
    start() {
      if (!closing) running ??= run()
    },
    wake() {
      // While the backend is away, new jobs are no reason to ask it again.
      woken = true
      if (!failing) interrupt?.()
    },
    async close() {
      closing = true
      interrupt?.()
      if (running === null) return
      let timer: NodeJS.Timeout | undefined
      await Promise.race([running, new Promise((resolve) => (timer = setTimeout(resolve, closeMs)))])
      clearTimeout(timer)
      failing = true
    },
  }
}

export interface DrainBatchParts<Batch> {
  readonly spool: { setAside(spooled: Envelope): Promise<string>; leave(batch: Batch): Promise<void> }
  readonly target: Backend
  readonly again: Again
  readonly events: Pick<EventHub, 'emit'>
}

export interface DrainTally {
  readonly accepted: number
  readonly duplicate: number
  readonly superseded: number
  readonly refused: number
}

/** One batch: accepted over there, durably; only then let go here. @throws what the backend as a whole fails with */
export async function drainBatch<Batch extends Pick<SpoolBatch, 'spooled' | 'jobs'>>(
  batch: Batch,
  { spool, target, again, events }: DrainBatchParts<Batch>,
): Promise<DrainTally> {
  const outcomes = target.capabilities.transfer ? await acceptEach(batch.jobs, { target, again }) : await pushEach(batch.spooled, target)
  for (const [index, outcome] of outcomes.entries()) {
    if ('status' in outcome) continue
    const file = await spool.setAside(batch.spooled[index] as Envelope)
    events.emit('spool.aside', { file, reason: 'refused', jobId: outcome.jobId, error: outcome.error })
  }
  await spool.leave(batch)
  const tally = tallyOf(outcomes)
  events.emit('spool.drained', tally)
  return tally
}

/**
 * For a backend that takes no jobs of another store, such as a broker without a state: they are pushed, due when they were to be. Nothing merges there, so
 * a batch of which only a part was stored is there in part twice.
 */
async function pushEach(spooled: readonly Envelope[], target: Backend): Promise<readonly Outcome[]> {
  return Promise.all(
    spooled.map(async ({ at, job }): Promise<Outcome> => {
      try {
        const [result] = await target.queue.push([{ ...job, runAt: job.runAt ?? (job.delayMs === 0 ? null : at + job.delayMs) }])
        if (result?.status === 'error') throw result.error
        return { status: result?.status === 'created' ? 'accepted' : 'duplicate' }
      } catch (error) {
        if (isAway(error)) throw error
        return { jobId: job.id, error }
      }
    }),
  )
}

function tallyOf(outcomes: readonly Outcome[]): DrainTally {
  const count = (status: string): number => outcomes.filter((outcome) => ('status' in outcome ? outcome.status : 'refused') === status).length
  return { accepted: count('accepted'), duplicate: count('duplicate'), superseded: count('superseded'), refused: count('refused') }
}
