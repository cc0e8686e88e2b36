/** Every default and limit of Kerja, in one place, with units in the names. docs/options.md is written from it. */

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

export const DEFAULTS = Object.freeze({
  job: Object.freeze({
    queue: 'default',
    priority: 'normal',
    version: 1,
    /** Counts the first run. */
    maxAttempts: 10,
    backoff: Object.freeze({ firstMs: 5 * second, factor: 2, maxMs: hour, jitter: 'full' }),
    /** One attempt. */
    timeoutMs: 15 * minute,
    completedRetentionMs: day,
    failedRetentionMs: 30 * day,
    /** A server may ask for any wait; no more than this is granted. */
    retryAfterMaxMs: day,
    /** A suspect that crashes this many times while alone fails. */
    crashesAloneMax: 3,
  }),
  enqueue: Object.freeze({
    /** How long `enqueue` waits for the backend's confirmation. */
    timeoutMs: 3 * second,
    /** `setTimeout` cannot wait longer than some 24 days, and an enqueue should not. */
    timeoutMaxMs: day,
    idempotencyTtlMs: 7 * day,
    /** Jobs that wait in this process for their write. */
    pendingJobsMax: 100_000,
    /** Jobs in one write. */
    batchJobsMax: 1_000,
    /** Characters of payload in one write: about a mebibyte, so that a write stays short. A single larger job goes alone. */
    batchCharactersMax: 1_048_576,
    batchesInFlightMax: 4,
    /** Jobs of `enqueueMany` validated before any of them is written. */
    sliceJobsMax: 500,
    /** How long `enqueueMany` holds the event loop at a time. */
    turnMs: 2,
  }),
  payload: Object.freeze({
    /** Encoded, UTF-8. */
    bytesMax: 256 * 1024,
    depthMax: 64,
  }),
  worker: Object.freeze({
    concurrency: 10,
    concurrencyMax: 10_000,
    /** From the stop signal to the abort of what still runs. Below the 30 s that orchestrators grant. */
    shutdownGraceMs: 25 * second,
    /** After the abort, before leases are released under handlers that ignore it. */
    abortGraceMs: 2 * second,
    heartbeatMs: 2 * second,
    leaseMs: 10 * second,
    /** Added to an attempt's timeout before the store takes the job away. */
    leaseGraceMs: 10 * second,
    /** The longest sleep between claims while idle: bounds every lost wake-up. */
    pollMs: second,
    /** A worker of at least 8 slots claims ahead as many rounds of slots as it runs in this time by the mean of its handlers: none when they take longer. */
    prefetchRunMsMax: 2,
    prefetchRoundsMax: 8,
    prefetchJobsMax: 1_000,
    /** A job claimed ahead that has waited this long for a slot is given back. */
    prefetchWaitMs: 100,
    /** Waits after a failed call to the backend. */
    retryFirstMs: 100,
    retryMaxMs: 5 * second,
    /** Handlers that ignore their abort before the worker drains and exits for a restart. */
    overrunsMax: 10,
    /** The longest pause of normal claiming to become empty for a suspect. */
    suspectDrainMs: 30 * second,
    /** Coalescing of progress and log writes. */
    recordMs: 200,
    logLinesMax: 1_000,
    logLineCharactersMax: 4_096,
  }),
  maintenance: Object.freeze({
    rescueMs: second,
    rescueJobsMax: 500,
    expireMs: second,
    pruneMs: 10 * second,
    batchJobsMax: 500,
    leaderTtlMs: 10 * second,
    scheduleMs: 500,
    schedulesMax: 100,
    /** Ticks created at once after an outage with `missed: 'all'`. */
    ticksMax: 100,
  }),
  forwarder: Object.freeze({
    batchJobs: 500,
    /** Characters of payload and result in one batch. A single larger job goes alone. */
    batchCharactersMax: 1_048_576,
    batchesInFlightMax: 4,
    /** Idempotency keys in one call. */
    pageKeys: 1_000,
    /** Between two looks at what others hold or run. */
    lookMs: 250,
    /** How long `kerja move` waits for a store that is away. */
    outageMs: minute,
  }),
  /** What takes jobs while the backend is away. */
  spool: Object.freeze({
    mode: 'outage',
    bytesMax: 1024 * 1_048_576,
    bytesMaxMin: 1_048_576,
    /** A file of this size is followed by another; less when `maxBytes` is small. */
    fileBytesMax: 4 * 1_048_576,
    /** Jobs in one write. */
    writeJobsMax: 5_000,
    /** Jobs drained at a time. */
    batchJobs: 1_000,
    batchBytes: 1_048_576,
    /** Between two looks at what other processes left, and for as long as nothing is to be drained. */
    lookMs: 5 * second,
    /** A file that nobody has touched for this long is adopted by another process. */
    staleMs: 30 * second,
    /** How long `close` goes on draining while the backend answers. */
    closeMs: 5 * second,
  }),
  schedule: Object.freeze({
    everyMinMs: second,
    /** A tick at most this late still counts as on time. */
    missedToleranceMs: minute,
    cronCharactersMax: 256,
    timeZoneCharactersMax: 64,
  }),
  /** What is kept of an error that a handler threw. */
  failure: Object.freeze({
    nameCharactersMax: 256,
    messageCharactersMax: 4_096,
    stackCharactersMax: 16_384,
    causesMax: 8,
    /** Of an AggregateError. */
    aggregatedMax: 5,
  }),
  ledger: Object.freeze({
    pageJobs: 50,
    pageJobsMax: 200,
    /** Ids in one call of retry, cancel or delete to the store; more become several calls. */
    changeJobsMax: 500,
    countCap: 10_000,
    statsWindowMs: 5 * minute,
  }),
  watch: Object.freeze({
    pollMs: 250,
    /** Hints come with every settled batch; answering each at once would read the same jobs hundreds of times per second. */
    hintGapMs: 5,
    /** Ids in one read. */
    readJobsMax: 200,
    resultTimeoutMs: 30 * second,
  }),
  names: Object.freeze({
    charactersMax: 200,
    keyCharactersMax: 512,
    tagsMax: 20,
    /** Of a cancellation or a failure; the rest is cut off. */
    reasonCharactersMax: 1_000,
  }),
} as const)
