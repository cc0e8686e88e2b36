/** Wake-ups: those of the state, and arrivals in the broker, watched only where somebody waits for work. */
import type { Queue, WakeListener } from '../../contract/backend.js'
import { DEFAULTS } from '../../core/options.js'
import type { Transport } from './transport.js'

export interface Listening {
  listen(listener: WakeListener): () => void
  /** Workers of this process claim from these queues: they are watched from now on. */
  serve(queues: Iterable<string>): void
  close(): void
}

export function createListening(queue: Pick<Queue, 'listen'>, transport: Pick<Transport, 'watch'>, pushed: () => Iterable<string>): Listening {
  const listeners = new Set<() => void>()
  const served = new Set<string>()
  /** By queue, how it is no longer watched. */
  const watched = new Map<string, () => void>()

  const wake = (): void => {
    for (const available of [...listeners]) available()
  }

  /** Until a claim says what is served, a guess: the default queue and those that were pushed to. */
  function watch(): void {
    const wanted = listeners.size === 0 ? [] : served.size > 0 ? served : [DEFAULTS.job.queue, ...pushed()]
    const names = new Set(wanted)
    for (const [name, stop] of watched) {
      if (names.has(name)) continue
      stop()
      watched.delete(name)
    }
    const fresh = [...names].filter((name) => !watched.has(name))
    for (const name of fresh) watched.set(name, transport.watch([name], wake))
  }

  return {
    listen({ available, changed }) {
      const stopState = queue.listen({ ...(available === undefined ? {} : { available }), ...(changed === undefined ? {} : { changed }) })
      // Each call of `listen` is a listener of its own, also with a function that listens already.
      const call = available === undefined ? null : () => available()
      if (call !== null) {
        listeners.add(call)
        watch()
      }
      return () => {
        stopState()
        if (call === null || !listeners.delete(call)) return
        if (listeners.size === 0) watch()
      }
    },
    serve(queues) {
      const before = served.size
      for (const name of queues) served.add(name)
      if (served.size > before && listeners.size > 0) watch()
    },
    close() {
      listeners.clear()
      watch()
    },
  }
}
