/** A timer that takes any duration: `setTimeout` fires at once beyond 2^31 - 1 ms (about 24.8 days). */

export interface Timer {
  clear(): void
}

const STEP_MAX_MS = 2 ** 31 - 1

export function startTimer(durationMs: number, fire: () => void): Timer {
  let leftMs = durationMs
  let timer: NodeJS.Timeout
  const next = (): void => {
    const stepMs = Math.min(leftMs, STEP_MAX_MS)
    leftMs -= stepMs
    timer = setTimeout(leftMs > 0 ? next : fire, stepMs)
  }
  next()
  return { clear: () => clearTimeout(timer) }
}
