/**
 * Watching: one long poll on each queue of SQS in use. Per queue and priority:
 *
 *   polling → warm      the poll has brought messages: they are buffered, the watchers are told, and from here `receive` asks by itself
 *   warm → polling      a `receive` has found nothing there
 *   polling → polling   nothing came in 20 s
 *   any → gone          SQS says that the queue does not exist, or nobody watches the queue any more
 *
 * So nothing is asked while workers are full, and an idle one costs three requests a minute for each priority that was ever used, and three more for
 * the whole process, which ask whether there are new ones. A crash leaves what a poll was bringing hidden until its visibility ends.
 */
import { DEFAULTS } from '../../core/options.js'
import { rankOf } from '../../core/state.js'
import type { RankPlace } from './directory.js'
import { OURS } from './limits.js'
import type { Interest } from './receive.js'
import { createVigil, keepVigil, restFor, type Vigil, type VigilParts, within } from './vigil.js'

export interface Watch extends Interest {
  watch(queues: readonly string[], onArrival: () => void): () => void
  /** A place has become known. */
  noticed(place: RankPlace): void
  /** This process has sent something there. */
  sent(place: RankPlace): void
  close(): Promise<void>
}

const USUAL = rankOf(DEFAULTS.job.priority)

export type WatchParts = Omit<VigilParts, 'isWanted' | 'onArrival' | 'signal'>

interface Watchers {
  /** Returns the way to remove it. */
  add(queues: readonly string[], onArrival: () => void): () => void
  queues(): ReadonlySet<string>
  tell(queue: string): void
}

function createWatchers(): Watchers {
  const watchers = new Set<{ readonly queues: readonly string[]; readonly onArrival: () => void }>()
  return {
    add(queues, onArrival) {
      const watcher = { queues: [...queues], onArrival }
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
    queues: () => new Set([...watchers].flatMap(({ queues }) => queues)),
    tell(queue) {
      for (const { queues, onArrival } of [...watchers]) if (queues.includes(queue)) onArrival()
    },
  }
}

export function createWatch(given: WatchParts): Watch {
  const { directory } = given
  const watchers = createWatchers()
  const vigils = new Map<string, Vigil>()
  const loops = new Set<Promise<void>>()
  const closing = new AbortController()
  /** Watched queues whose places are all known, up to the last look. */
  const covered = new Set<string>()
  let discovering = false
  let wakeDiscovery = (): void => undefined

  const wantsQueue = (queue: string): boolean => !closing.signal.aborted && watchers.queues().has(queue)
  const parts: VigilParts = { ...given, isWanted: wantsQueue, onArrival: watchers.tell, signal: closing.signal }

  function begin(place: RankPlace): void {
    if (vigils.has(place.name) || !wantsQueue(place.queue)) return
    const vigil = createVigil(place)
    vigils.set(place.name, vigil)
    track(keepVigil(vigil, parts).then(() => void vigils.delete(place.name)))
  }

  function track(loop: Promise<void>): void {
    loops.add(loop)
    void loop.finally(() => loops.delete(loop))
  }

  /**
   * The priority that most jobs have is polled from the start, so that the first of them is not seen late. Whoever may not create it, or is told not
   * to, finds it like all others.
   */
  const makeUsual = (queue: string): Promise<unknown> => directory.placeFor({ queue, rank: USUAL }).catch(() => undefined)

  /** Looks for places that somebody else has created, as long as anything is watched. */
  async function discover(): Promise<void> {
    discovering = true
    while (watchers.queues().size > 0 && !closing.signal.aborted) {
      const queues = [...watchers.queues()]
      try {
        await Promise.all(queues.filter((queue) => !covered.has(queue)).map(makeUsual))
        await directory.discover()
        for (const queue of queues.filter(wantsQueue)) {
          covered.add(queue)
          directory.placesOf(queue).forEach(begin)
        }
      } catch {
        // From here on every `receive` looks by itself, and says what is wrong.
        covered.clear()
      }
      if (!closing.signal.aborted)
        await restFor(OURS.discoverMs, (wake) => {
          wakeDiscovery = wake
        })
    }
    discovering = false
  }

  function beginAll(queues: readonly string[]): void {
    const places = queues.flatMap(directory.placesOf)
    places.forEach(begin)
    if (!discovering) track(discover())
    else if (!queues.every((queue) => places.some((place) => place.queue === queue))) wakeDiscovery()
  }

  return {
    isWatched: (queue) => covered.has(queue),
    async isPolled({ name }) {
      const vigil = vigils.get(name)
      if (vigil === undefined || vigil.polling === null) return false
      if (vigil.isExpecting) await within(vigil.polling, OURS.ownMessageMs)
      vigil.isExpecting = false
      return true
    },
    sent({ name }) {
      const vigil = vigils.get(name)
      if (vigil !== undefined && vigil.polling !== null) vigil.isExpecting = true
    },
    found({ name }, some) {
      const vigil = vigils.get(name)
      if (vigil === undefined || some) return
      vigil.state = 'polling'
      vigil.wake()
    },
    noticed: begin,
    watch(queues, onArrival) {
      const remove = watchers.add(queues, onArrival)
      beginAll(queues)
      return () => {
        remove()
        for (const queue of queues) if (!wantsQueue(queue)) covered.delete(queue)
        // A poll that is out is not ended, since a message may be on its way by it: what it brings is given back.
        for (const vigil of vigils.values()) if (vigil.state === 'warm') vigil.wake()
        if (watchers.queues().size === 0) wakeDiscovery()
      }
    },
    async close() {
      closing.abort()
      covered.clear()
      wakeDiscovery()
      for (const vigil of vigils.values()) vigil.wake()
      await Promise.allSettled(loops)
    },
  }
}
