/** Time that only moves forward, in ms. */

/** `performance.now()` counts from the start of its thread; the clock behind it is one for the whole process. */
const THREAD_STARTED_AT_MS = Number(process.hrtime.bigint() / 1_000n) / 1_000 - performance.now()

/** The same in every thread of the process. */
export const monotonicMs = (): number => performance.now() + THREAD_STARTED_AT_MS
