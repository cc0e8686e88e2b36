/** Facts about a backend, frozen. Each is proven by the conformance suite where true, and tested negatively where false. */
export interface Capabilities {
  /** Who judges due, expired and late. `client`: the worker's clock (a broker without state). */
  readonly clock: 'store' | 'client'
  /** A push survives the death of the process. False: `memory`. */
  readonly durable: boolean
  /** Several processes share it. False: `memory`. */
  readonly crossProcess: boolean
  /** `push` and `settle` can join the caller's transaction. If false: UNSUPPORTED. */
  readonly transactions: boolean
  /** `pushSync` exists. If false: `enqueueSync` is UNSUPPORTED. */
  readonly synchronousPush: boolean
  /** Longest native delay in ms; null is no limit. Longer ones are UNSUPPORTED. */
  readonly delayMsMax: number | null
  /** Longest run in ms under one claim; null is no limit. Kinds with a longer timeout are refused at registration. */
  readonly leaseMsMax: number | null
  /** Idempotency and unique keys. If false: UNSUPPORTED. */
  readonly keys: boolean
  /** Jobs can be found, listed, cancelled, retried by id. If false: `kerja.jobs`, `result` and `watch` are UNSUPPORTED. */
  readonly ledger: boolean
  /** Schedules, pauses, leadership, worker registry. If false: UNSUPPORTED. */
  readonly coordination: boolean
  /** Jobs can be carried to and from another backend. If false: `kerja move` and forwarding are UNSUPPORTED. */
  readonly transfer: boolean
  /**
   * What was pushed is known at once: on every handle a second push of its id is a `duplicate`, and the ledger has the job. False: a job may wait
   * where nobody can look it up. A second push of its id may answer `created`, and merges with it before either runs.
   */
  readonly knownAtOnce: boolean
  /** Ended jobs are kept for at least this many ms, whatever they are told; null: exactly as they are told. */
  readonly retentionMsMin: number | null
  /** Settlements by a stale token are refused by the store itself. If false: best effort. */
  readonly fencing: boolean
  /** A worker process that dies on this machine is noticed without waiting for its lease. */
  readonly deathCheck: boolean
}
