/**
 * Carries jobs from one backend to another, with the same ids: take, accept, leave, several batches at a time. What serves the move between
 * stores serves everything that is to be handed on.
 *
 * A forwarder is registered at the source like a worker, so that the source's workers and other forwarders never hold the same job. After a
 * crash its jobs lapse and are given back; those that had arrived at the target merge there by id.
 */
import type { Backend } from '../contract/backend.js'
import type { CarriedPage } from '../contract/transfer.js'
import { DEFAULTS } from '../core/options.js'
import { KerjaError, UnsupportedError } from '../errors.js'
import { createRescue } from '../maintenance/rescue.js'
import { createEventHub } from '../observe/events.js'
import type { Logger } from '../observe/logger.js'
import { createAgain, pause } from './again.js'
import { carry, type Tally } from './carry.js'
import { createTenure, isForwarder } from './tenure.js'

export interface ForwarderOptions {
  readonly source: Backend
  readonly target: Backend
  readonly createId: () => string
  readonly random: () => number
  readonly logger: Logger
  /** Ends what is under way after the batches in flight. */
  readonly signal: AbortSignal
  /** How long either store may be away. */
  readonly outageMs: number
  readonly onCarried: (tally: Tally) => void
}

export interface Forwarder {
  /** @throws {UNSUPPORTED} {OPTION_INVALID} when one of the two cannot, or they are one store */
  start(): Promise<void>
  /** Carries what waits, until nothing does and no other forwarder holds anything. */
  drain(): Promise<void>
  /** Carries what has ended. */
  drainEnded(): Promise<void>
  /** Jobs that workers of the source run. */
  runningCount(): Promise<number>
  /** Lets go of the source. Idempotent. */
  close(): Promise<void>
}

export function createForwarder(options: ForwarderOptions): Forwarder {
  const { source, target, signal, random, logger, onCarried } = options
  const again = createAgain({ ...options, onTrouble: (error) => logger.warn(`a store is away, it is tried again: ${wordsOf(error)}`) })
  const tenure = createTenure({ source, createId: options.createId, onTrouble: (message) => logger.debug(message) })
  const rescue = createRescue({ backend: source, backoffOf: () => undefined, random, events: createEventHub(logger), logger })
  const bounds = { limit: DEFAULTS.forwarder.batchJobs, charactersMax: DEFAULTS.forwarder.batchCharactersMax }

  /** Reads page after page, and carries several at a time. How many jobs left the source. */
  async function walk(read: (cursor: string | null) => Promise<CarriedPage>): Promise<number> {
    const underway = new Set<Promise<void>>()
    let failure: { readonly error: unknown } | undefined
    let movedCount = 0
    let cursor: string | null = null
    const carryPage = async ({ jobs }: CarriedPage): Promise<void> => {
      try {
        const tally = await carry(jobs, { source, target, again })
        movedCount += tally.moved
        onCarried(tally)
      } catch (error) {
        failure ??= { error }
      }
    }
    try {
      do {
        const page = await read(cursor)
        cursor = page.next
        if (page.jobs.length === 0) continue
        const carrying = carryPage(page).finally(() => underway.delete(carrying))
        underway.add(carrying)
        if (underway.size >= DEFAULTS.forwarder.batchesInFlightMax) await Promise.race(underway)
      } while (cursor !== null && failure === undefined && !signal.aborted)
    } finally {
      await Promise.all(underway)
    }
    if (failure !== undefined) throw failure.error
    return movedCount
  }

  const take = async (cursor: string | null): Promise<CarriedPage> => {
    const workerId = await again(tenure.workerId)
    return again(() => source.transfer.take({ ...bounds, cursor, workerId }))
  }

  /** With nothing under way, whatever this forwarder still holds was taken by a call whose answer was lost, or by one it no longer is. */
  async function isSettled(): Promise<boolean> {
    const workers = await again(() => source.coordination.workers())
    const own = workers.find(tenure.isOwn)
    if (own === undefined || !own.alive || own.runningCount > 0) {
      await again(tenure.giveUp)
      return false
    }
    if (!workers.some((worker) => isForwarder(worker) && worker !== own && worker.runningCount > 0)) return true
    await pause(DEFAULTS.forwarder.lookMs, signal)
    return false
  }

  return {
    async start() {
      for (const backend of [source, target]) refuseUnable(backend)
      const id = await again(tenure.workerId)
      if ((await again(() => target.coordination.workers())).some((worker) => worker.id === id))
        throw new KerjaError('OPTION_INVALID', `${source.location} and ${target.location} are the same store. Name two different ones.`)
    },
    async drain() {
      do {
        await again(rescue.run)
        while ((await walk(take)) > 0 && !signal.aborted);
      } while (!signal.aborted && !(await isSettled()))
    },
    async drainEnded() {
      const ended = (cursor: string | null) => again(() => source.transfer.ended({ ...bounds, cursor }))
      while (!signal.aborted && (await walk(ended)) > 0);
    },
    async runningCount() {
      const workers = await again(() => source.coordination.workers())
      return workers.filter((worker) => !isForwarder(worker)).reduce((sum, { runningCount }) => sum + runningCount, 0)
    },
    close: tenure.close,
  }
}

function refuseUnable({ name, capabilities }: Backend): void {
  if (!capabilities.transfer) throw new UnsupportedError(name, 'hand jobs to another store or take any', 'Let its workers finish what is there.')
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
