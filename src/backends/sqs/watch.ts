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
import type { RankPlace } from './directory.js'
import { OURS } from './limits.js'
import type { Interest } from './receive.js'
import { createVigil, keepVigil, restFor, type Vigil, type VigilParts } from './vigil.js'

export interface Watch extends Interest {
  watch(queues: readonly string[], onArrival: () => void): () => void
  /** A place has become known. */
  noticed(place: RankPlace): void
  close(): Promise<void>
}

export type WatchParts = Omit<VigilParts, 'isWanted' | 'onArrival' | 'signal'>

export function createWatch(given: WatchParts): Watch {
  const { directory } = given
  const watchers = new Set<{ readonly queues: readonly string[]; readonly onArrival: () => void }>()
  const vigils = new Map<string, Vigil>()
  const loops = new Set<Promise<void>>()
  const closing = new AbortController()
  /** Watched queues whose places are all known, up to the last look. */
  const covered = new Set<string>()
  let discovering = false
  let wakeDiscovery = (): void => undefined

  const onArrival = (queue: string): void => {
    for (const watcher of [...watchers]) if (watcher.queues.includes(queue)) watcher.onArrival()
  }
  const wantsQueue = (queue: string): boolean => !closing.signal.aborted && [...watchers].some(({ queues }) => queues.includes(queue))

  const parts: VigilParts = { ...given, isWanted: wantsQueue, onArrival, signal: closing.signal }

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

  /** Looks for places that somebody else has created, as long as anything is watched. */
  async function discover(): Promise<void> {
    discovering = true
    while (watchers.size > 0 && !closing.signal.aborted) {
      const queues = [...watchers].flatMap((watcher) => watcher.queues)
      try {
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
    isPolled: ({ name }) => vigils.get(name)?.polled === true,
    found({ name }, some) {
      const vigil = vigils.get(name)
      if (vigil === undefined || some) return
      vigil.state = 'polling'
      vigil.wake()
    },
    noticed: begin,
    watch(queues, onArrival) {
      const watcher = { queues: [...queues], onArrival }
      watchers.add(watcher)
      beginAll(watcher.queues)
      return () => {
        watchers.delete(watcher)
        for (const queue of watcher.queues) if (!wantsQueue(queue)) covered.delete(queue)
        // A poll that is out is not ended, since a message may be on its way by it: what it brings is given back.
        for (const vigil of vigils.values()) if (vigil.state === 'warm') vigil.wake()
        if (watchers.size === 0) wakeDiscovery()
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
