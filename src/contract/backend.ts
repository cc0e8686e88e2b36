/**
 * What a backend is: four parts, each batch-shaped and storage-neutral. docs/backend-contract.md is the specification, with how each
 * method is done on SQLite, PostgreSQL, RabbitMQ and SQS. Backends hold no policy and no telemetry.
 */
import type { MessagePort } from 'node:worker_threads'
import type { Capabilities } from './capabilities.js'
import type { Coordination } from './coordination.js'
import type { ClaimedJob, LeaseRef, NewJob, PushOutcome, PushResult, Settlement, SettleResult } from './job.js'
import type { Ledger } from './ledger.js'
import type { Transfer } from './transfer.js'

export interface Backend {
  /** `sqlite`, `memory`, … : for messages and logs. */
  readonly name: string
  /** Where it points, secrets masked: for messages, logs and `doctor`. */
  readonly location: string
  readonly capabilities: Capabilities
  readonly queue: Queue
  readonly ledger: Ledger
  readonly coordination: Coordination
  readonly transfer: Transfer
  /**
   * Connects and brings the schema up to date. Idempotent; concurrent calls share one opening. Everything else calls it first.
   * @throws {BACKEND_UNAVAILABLE} and the STORE_… and DRIVER_… codes
   */
  open(): Promise<void>
  /** Lets running calls end and frees everything. Idempotent, never throws, resolves even when the store is gone. */
  close(): Promise<void>
  /** Of a backend that keeps jobs in more than one place: which, and whether each answers now. Never rejects. Absent elsewhere. */
  readonly places?: () => Promise<readonly BackendPlace[]>
  /** The statements a migration would run, without running them; empty when current. `apply` runs them. */
  migrate(options: { readonly apply: boolean }): Promise<readonly MigrationStep[]>
}

export interface BackendPlace {
  /** `broker`: where plain jobs wait. `state`: where all else is. */
  readonly name: 'broker' | 'state'
  /** Secrets masked. */
  readonly location: string
  /** Why it does not answer; null when it does. */
  readonly error: unknown
}

export interface MigrationStep {
  readonly version: number
  readonly name: string
  readonly statements: readonly string[]
}

/** Moves work. */
export interface Queue {
  /**
   * Stores jobs durably: resolves after the write is on disk. One result per job, in order; one bad job never fails its neighbours.
   * With `tx` the jobs join the caller's open transaction.
   * @throws {BACKEND_UNAVAILABLE} {STORE_…} when none could be stored
   * @throws {UNSUPPORTED} with `tx`, where `capabilities.transactions` is false
   */
  push(jobs: readonly NewJob[], options?: { readonly tx?: unknown }): Promise<readonly PushOutcome[]>
  /**
   * From this many jobs on a push is worth making before the rest of the turn's jobs are there: what a turn pushes in parts still shares one commit,
   * and the store writes the first while the caller prepares the last. Absent where one call with all of them is best.
   */
  readonly pushPartJobs?: number
  /** `push` at once, for stores whose transactions are synchronous. Absent elsewhere. */
  readonly pushSync?: (jobs: readonly NewJob[], options: { readonly tx: unknown }) => readonly PushResult[]
  /** Takes up to `limit` due jobs under leases: most urgent first, then oldest run time. Jobs past `startBy` or `giveUpAt` are ended instead. Never waits for work to arrive. A worker that is unknown or was declared dead gets nothing. */
  claim(request: ClaimRequest): Promise<ClaimResult>
  /** Ends claims. One result per settlement, in order; a stale token is `lost` and changes nothing. With `tx` it joins the caller's open transaction. */
  settle(settlements: readonly Settlement[], options?: { readonly tx?: unknown }): Promise<readonly SettleResult[]>
  /** The same, at once, on the caller's transaction. Present with `pushSync`. */
  readonly settleSync?: (settlements: readonly Settlement[], options: { readonly tx: unknown }) => readonly SettleResult[]
  /** Leases that no longer hold: their worker is dead, or `claimedAt + leaseMs` has passed. A lapsed lease stays lapsed until settled. */
  lapsed(request: { readonly limit: number }): Promise<readonly LapsedLease[]>
  /** Ends waiting jobs past `startBy` (cancelled, `expired`) or `giveUpAt` (failed, `gave-up`). Returns how many; call again while it equals `limit`. */
  expire(request: { readonly limit: number; readonly retentionMs: number }): Promise<number>
  /** Calls back when work may have arrived or a job may have changed. Hints only: any may be lost, polling bounds the loss. Returns the way to stop. */
  listen(listener: WakeListener): () => void
  /** How leases are renewed beside the main thread. */
  readonly heartbeat: HeartbeatSource
}

export interface ClaimRequest {
  readonly workerId: string
  /** At most this many jobs in all. */
  readonly limit: number
  /** Served queues and the most to take from each. */
  readonly queues: ReadonlyMap<string, number>
  /** What this worker can run. A job of another kind, or of a higher version, is not seen. */
  readonly kinds: readonly ClaimKind[]
  /**
   * `true` claims one suspect (`crashCount` >= SUSPECT_CRASH_COUNT) and nothing else; `false` sees no suspect.
   * No more than max(1, floor(live workers / 4)) jobs run alone at once.
   */
  readonly alone: boolean
  /** Retention of jobs that are ended because they are past `startBy` or `giveUpAt`. */
  readonly expiredRetentionMs: number
}

export interface ClaimKind {
  readonly kind: string
  /** The highest payload version the worker can run. */
  readonly version: number
  /** The lease ends this long after the claim even with a live heartbeat (attempt timeout + grace); null is never. */
  readonly leaseMs: number | null
}

export interface ClaimResult {
  readonly jobs: readonly ClaimedJob[]
  /** Time until the next waiting job that this request could claim is due, or null when none waits. A hint for the poll. */
  readonly nextDueInMs: number | null
  /** Suspects wait that this request could claim with `alone: true`. */
  readonly suspectsWait: boolean
}

export interface LapsedLease extends LeaseRef {
  readonly kind: string
  readonly queue: string
  /** `death`: the worker's process is dead or its heartbeat lapsed. `timeout`: the worker lives, the lease ran out. */
  readonly cause: 'death' | 'timeout'
  readonly workerId: string
  readonly attempt: number
  readonly maxAttempts: number
  readonly crashCount: number
  readonly alone: boolean
  /** It was taken by a forwarder, to be carried to another store: nobody ran it. */
  readonly forwarding: boolean
  readonly claimedAt: number
  readonly giveUpAt: number | null
  /** The store's clock at the time of the answer. */
  readonly now: number
}

export interface WakeListener {
  /** Jobs were pushed, released or became due. */
  readonly available?: () => void
  /** Jobs ended, progressed or logged. */
  readonly changed?: () => void
}

/**
 * A thread beside the main one imports `module` and calls its `openHeartbeat(config, workerId)`: a lease thread, or, with `host`, one that the backend
 * has anyway. That one must give its event loop turns while calls keep arriving. `inline` backends live in one process: their
 * heartbeat runs on the main thread, since their leases die with it.
 */
export type HeartbeatSource =
  | {
      readonly kind: 'thread'
      readonly module: string
      readonly config: unknown
      readonly host?: (beats: HostedBeats) => void
    }
  | { readonly kind: 'inline'; readonly open: (workerId: string) => HeartbeatConnection }

/** What a thread of the backend runs beside its own work: it imports `runner` and calls its `runBeats(port, data)`. */
export interface HostedBeats {
  /** A `BeatsModule`. */
  readonly runner: string
  /** To be transferred. It closes when the thread ends. */
  readonly port: MessagePort
  readonly data: unknown
}

export interface BeatsModule {
  /** Never rejects. Ends when the port closes. */
  runBeats(port: MessagePort, data: unknown): Promise<void>
}

export interface HeartbeatModule {
  openHeartbeat(config: unknown, workerId: string): HeartbeatConnection | Promise<HeartbeatConnection>
}

export interface HeartbeatConnection {
  /** Renews every lease of the worker: in one write where there is a store; where leases are held by a connection or a receipt, by whoever holds them here. */
  beat(): BeatResult | Promise<BeatResult>
  close(): void | Promise<void>
}

export interface BeatResult {
  /** False: the store has declared this worker dead. Its leases are gone; it must register anew. */
  readonly alive: boolean
  /** The claims the store believes this worker holds. One missing here is lost. */
  readonly held: readonly { readonly jobId: string; readonly token: number; readonly cancelRequested: boolean }[]
}
