/** A timer that takes any duration: `setTimeout` fires at once beyond 2^31 - 1 ms (about 24.8 days). No closures: one is made for every run. */

export interface Timer {
  handle: NodeJS.Timeout | undefined
}

const STEP_MAX_MS = 2 ** 31 - 1

export function startTimer(durationMs: number, fire: () => void): Timer {
  const timer: Timer = { handle: undefined }
  step(timer, durationMs, fire)
  return timer
}

function step(timer: Timer, leftMs: number, fire: () => void): void {
  timer.handle = leftMs <= STEP_MAX_MS ? setTimeout(fire, leftMs) : setTimeout(step, STEP_MAX_MS, timer, leftMs - STEP_MAX_MS, fire)
}

export function stopTimer(timer: Timer | undefined): void {
  clearTimeout(timer?.handle)
}
