/** Time that only moves forward. */

/** The same in every thread of the process, unlike `performance.now()`. */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000
