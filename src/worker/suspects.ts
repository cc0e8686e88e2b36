/**
 * When a suspect (a job seen in two process deaths) may be fetched: only by a worker that is otherwise empty. An idle worker is; a busy one
 * asks for the right to become empty, which one worker at a time is granted, waits for at most `suspectDrainMs`, and then goes on as before.
 *
 * States: calm → draining → calm. `restUntilMs` keeps a worker that tried from trying again at once.
 */
import type { Backend } from '../contract/backend.js'
import { DEFAULTS } from '../core/options.js'

export interface Suspects {
  /** What the last claim said. */
  note(suspectsWait: boolean): void
  /** `fetch` one now, `hold` normal claims to become empty, or `go` on. */
  decide(isEmpty: boolean): 'fetch' | 'hold' | 'go'
  /** Whether a worker that is empty now would fetch one. */
  readonly wanted: boolean
  /** A fetch came back with nothing: others run as many as may run. */
  refused(): void
  /** The suspect ended. */
  ended(): void
}

/** In the absence of anybody to grant it, as many as a store grants at most: one in four. */
const DRAIN_SHARE = 0.25

/** How the right to become empty is asked for. */
export function askToDrainOf({ capabilities, coordination }: Backend, workerId: () => string, random: () => number): () => Promise<boolean> {
  if (!capabilities.coordination) return async () => random() < DRAIN_SHARE
  return () => coordination.lead({ role: 'suspects', workerId: workerId(), ttlMs: DEFAULTS.worker.suspectDrainMs })
}

export function createSuspects(options: {
  readonly askToDrain: () => Promise<boolean>
  readonly onChange: () => void
  readonly onTrouble: (error: unknown) => void
}): Suspects {
  const { suspectDrainMs } = DEFAULTS.worker
  let wait = false
  let drainUntilMs: number | null = null
  let restUntilMs = 0

  const rest = (): void => {
    drainUntilMs = null
    restUntilMs = performance.now() + 2 * suspectDrainMs
  }

  const beginDrain = (now: number): void => {
    drainUntilMs = now + suspectDrainMs
    const onAnswer = (granted: boolean): void => {
      if (granted) return
      rest()
      options.onChange()
    }
    options.askToDrain().then(onAnswer, (error) => {
      options.onTrouble(error)
      onAnswer(false)
    })
  }

  return {
    note(suspectsWait) {
      wait = suspectsWait
    },
    decide(isEmpty) {
      const now = performance.now()
      if (!wait || now < restUntilMs) return 'go'
      if (isEmpty) return 'fetch'
      if (drainUntilMs === null) beginDrain(now)
      else if (now >= drainUntilMs) rest()
      return drainUntilMs === null ? 'go' : 'hold'
    },
    get wanted() {
      return wait && performance.now() >= restUntilMs
    },
    refused: rest,
    ended() {
      drainUntilMs = null
    },
  }
}
