/**
 * All that one store holds, to another: paused queues, idempotency keys, waiting jobs, schedules, and on request what has ended. Every step may
 * be repeated, so a move that was killed anywhere is begun again and goes on where it was.
 */
import type { Backend } from '../contract/backend.js'
import type { KeyPage } from '../contract/transfer.js'
import { DEFAULTS } from '../core/options.js'
import { type Again, createAgain, pause } from './again.js'
import type { Refusal, Tally } from './carry.js'
import { createForwarder, type Forwarder, type ForwarderOptions } from './forwarder.js'

export interface MoveOptions extends Omit<ForwarderOptions, 'onCarried'> {
  /** Also jobs that have ended. */
  readonly history: boolean
  /** Waits for jobs that run at the source, and carries those that come back. */
  readonly wait: boolean
  readonly onProgress: (progress: MoveProgress) => void
}

export interface MoveProgress {
  readonly phase: 'keys' | 'jobs' | 'running' | 'schedules' | 'history'
  readonly doneCount: number
  /** As far as it is known: more may have come meanwhile. Null where nothing is counted. */
  readonly totalCount: number | null
}

export interface MoveReport {
  readonly jobs: CarriedCounts
  readonly history: CarriedCounts
  readonly keyCount: number
  readonly pausedQueues: readonly string[]
  readonly schedules: { readonly accepted: readonly string[]; readonly kept: readonly string[] }
  /** The first of those that the target refused. */
  readonly refusals: readonly Refusal[]
  /** Jobs that workers of the source still run. */
  readonly runningCount: number
  /** It was told to end before it was done. */
  readonly stopped: boolean
}

export interface CarriedCounts {
  readonly moved: number
  readonly duplicate: number
  readonly superseded: number
  readonly lost: number
  readonly refused: number
}

export interface Survey {
  readonly waitingCount: number
  readonly runningCount: number
  readonly endedCount: number
  readonly pausedQueues: readonly string[]
}

const NOTHING: CarriedCounts = Object.freeze({ moved: 0, duplicate: 0, superseded: 0, lost: 0, refused: 0 })
const REFUSALS_KEPT = 10
/** No store has as many. */
const COUNT_CAP = 2_000_000_000

/** What there is to move. */
export async function survey({ ledger }: Backend): Promise<Survey> {
  const stats = await ledger.stats({ queues: null, countCap: COUNT_CAP, windowMs: DEFAULTS.ledger.statsWindowMs })
  const sum = (...states: readonly (keyof (typeof stats)[number]['counts'])[]): number =>
    stats.reduce((total, { counts }) => total + states.reduce((all, state) => all + counts[state], 0), 0)
  return {
    waitingCount: sum('scheduled', 'available', 'retryable'),
    runningCount: sum('running'),
    endedCount: sum('completed', 'cancelled', 'failed'),
    pausedQueues: stats.filter(({ paused }) => paused).map(({ queue }) => queue),
  }
}

/** How many idempotency keys stand. */
export async function countKeys({ transfer }: Backend): Promise<number> {
  let count = 0
  let cursor: string | null = null
  do {
    const page: KeyPage = await transfer.keys({ limit: DEFAULTS.forwarder.pageKeys, cursor })
    count += page.keys.length
    cursor = page.next
  } while (cursor !== null)
  return count
}

/** @throws {UNSUPPORTED} {OPTION_INVALID} and what either store fails with, once an outage has lasted for longer than `outageMs` */
export async function move(options: MoveOptions): Promise<MoveReport> {
  const { source, target, signal, onProgress } = options
  const count = createCounting(onProgress)
  const again = createAgain({ ...options, onTrouble: () => undefined })
  const forwarder = createForwarder({ ...options, onCarried: count.carried })
  try {
    await forwarder.start()
    const found = await again(() => survey(source))
    // First, so that nothing runs at the target that stands still at the source.
    for (const queue of found.pausedQueues) await again(() => target.coordination.pauseQueue(queue))
    // Before the jobs: a request that is repeated at the target meets its key there, whether its job has come or has ended.
    let keyCount = await carryKeys(options, again, count)
    count.begin('jobs', found.waitingCount)
    await forwarder.drain()
    const schedules = await carrySchedules(options, again, count)
    // Their last ticks at the source.
    count.begin('jobs', null)
    await forwarder.drain()
    if (options.wait) await waitForRunning(forwarder, signal, count)
    const runningCount = await forwarder.runningCount()
    if (options.history && !signal.aborted) {
      count.begin('history', found.endedCount)
      await forwarder.drainEnded()
    }
    // Once more, for the keys of jobs that came and ended meanwhile.
    if (!signal.aborted) keyCount = await carryKeys(options, again, count)
    return { ...count.report(), keyCount, pausedQueues: found.pausedQueues, schedules, runningCount, stopped: signal.aborted }
  } finally {
    await forwarder.close()
  }
}

async function carryKeys({ source, target, signal }: MoveOptions, again: Again, count: Counting): Promise<number> {
  let keyCount = 0
  let cursor: string | null = null
  count.begin('keys', null)
  do {
    const from: string | null = cursor
    const { keys, next }: KeyPage = await again(() => source.transfer.keys({ limit: DEFAULTS.forwarder.pageKeys, cursor: from }))
    if (keys.length > 0) await again(() => target.transfer.acceptKeys(keys))
    keyCount += keys.length
    cursor = next
    count.done(keys.length)
  } while (cursor !== null && !signal.aborted)
  return keyCount
}

/** A crash in between leaves schedules at both, whose ticks have the same ids; begun again, the target's stay. */
async function carrySchedules({ source, target, signal }: MoveOptions, again: Again, count: Counting): Promise<MoveReport['schedules']> {
  const schedules = signal.aborted ? [] : await again(() => source.coordination.schedules())
  count.begin('schedules', schedules.length)
  const names = schedules.map(({ name }) => name)
  const results = await again(() => target.transfer.acceptSchedules(schedules))
  await again(() => source.coordination.removeSchedules(names))
  count.done(names.length)
  return {
    accepted: names.filter((_, index) => results[index] === 'accepted'),
    kept: names.filter((_, index) => results[index] === 'kept'),
  }
}

async function waitForRunning(forwarder: Forwarder, signal: AbortSignal, count: Counting): Promise<void> {
  for (;;) {
    const runningCount = await forwarder.runningCount()
    if (runningCount === 0 || signal.aborted) return
    count.begin('running', runningCount)
    await pause(DEFAULTS.forwarder.lookMs, signal)
    await forwarder.drain()
  }
}

interface Counting {
  begin(phase: MoveProgress['phase'], totalCount: number | null): void
  done(count: number): void
  carried(tally: Tally): void
  report(): Pick<MoveReport, 'jobs' | 'history' | 'refusals'>
}

function createCounting(onProgress: MoveOptions['onProgress']): Counting {
  let progress: MoveProgress = { phase: 'keys', doneCount: 0, totalCount: null }
  let jobs = NOTHING
  let history = NOTHING
  const refusals: Refusal[] = []

  function done(count: number): void {
    progress = { ...progress, doneCount: progress.doneCount + count }
    onProgress(progress)
  }

  return {
    begin(phase, totalCount) {
      progress = { phase, doneCount: 0, totalCount }
      onProgress(progress)
    },
    done,
    carried(tally) {
      if (progress.phase === 'history') history = plus(history, tally)
      else jobs = plus(jobs, tally)
      refusals.push(...tally.refused.slice(0, REFUSALS_KEPT - refusals.length))
      done(tally.moved)
    },
    report: () => ({ jobs, history, refusals }),
  }
}

const plus = (counts: CarriedCounts, { moved, duplicate, superseded, lost, refused }: Tally): CarriedCounts => ({
  moved: counts.moved + moved,
  duplicate: counts.duplicate + duplicate,
  superseded: counts.superseded + superseded,
  lost: counts.lost + lost,
  refused: counts.refused + refused.length,
})
