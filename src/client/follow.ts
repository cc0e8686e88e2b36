/**
 * One poller for everything this process waits for: asks the ledger for all followed jobs at once, on every hint of the backend and at least
 * every `pollMs`.
 *
 * States: idle (nobody follows: no timer, no listener, nothing keeps the process alive) → polling → waiting → polling …
 * A newly followed job is asked for at once and alone, so that many callers arriving one by one do not re-read everybody's jobs.
 */
import type { Backend } from '../contract/backend.js'
import type { JobRecord } from '../contract/job.js'
import { DEFAULTS } from '../core/options.js'
import { KerjaError, passesByItself } from '../errors.js'
import type { Connection } from './connection.js'

const { hintGapMs, readJobsMax } = DEFAULTS.watch

export interface Follower {
  /** After every read; null when nobody knows the id. Must not throw. */
  onRecord(record: JobRecord | null): void
  /** Nothing more comes. */
  onError(error: unknown): void
}

export interface JobFollowing {
  /** Returns the way to stop. */
  follow(id: string, follower: Follower): () => void
  /** Ends every following with BACKEND_CLOSED. */
  close(): void
}

export interface FollowingOptions {
  readonly connection: Connection
  readonly pollMs: number
  /** Jobs are spooled here: one that the backend does not know may be on its way there. So it is where jobs are not known at once. */
  readonly mayCome?: () => boolean
}

export function createJobFollowing({ connection, pollMs, mayCome = () => false }: FollowingOptions): JobFollowing {
  const followers = new Map<string, Set<Follower>>()
  let fresh = new Set<string>()
  let polling = false
  let readScheduled = false
  // When everybody is read next, and may be read again at the earliest: monotonic ms. Deadlines rather than restarted timers: hints and
  // newcomers may come faster than a restarted timer would ever fire.
  let allDueAt = 0
  let allEarliestAt = 0
  let timer: NodeJS.Timeout | undefined
  let stopListening: (() => void) | undefined

  const listen = (backend: Backend) => {
    stopListening ??= backend.queue.listen({
      changed: () => {
        allDueAt = Math.min(allDueAt, allEarliestAt)
        if (!polling && followers.size > 0) arm()
      },
    })
  }

  const rest = () => {
    clearTimeout(timer)
    stopListening?.()
    stopListening = undefined
  }

  const arm = () => {
    clearTimeout(timer)
    timer = setTimeout(() => void poll('all'), Math.max(0, allDueAt - performance.now()))
  }

  const poll = async (whom: 'all' | 'fresh') => {
    clearTimeout(timer)
    polling = true
    const everybody = whom === 'all' || performance.now() >= allDueAt
    const ids = everybody ? [...followers.keys()] : [...fresh].filter((id) => followers.has(id))
    fresh = new Set()
    if (everybody) allDueAt = Number.POSITIVE_INFINITY
    const beganAt = performance.now()
    try {
      await read(ids)
    } catch (error) {
      // The caller's own timeout bounds the waiting; what does not pass would only come again.
      if (!passesByItself(error)) failAll(followers, error)
    }
    polling = false
    if (everybody) planNext(performance.now() - beganAt)
    if (followers.size === 0) rest()
    else if (fresh.size > 0) void poll('fresh')
    else arm()
  }

  const planNext = (tookMs: number) => {
    // A read that takes long is repeated less often, so that following never takes more than a share of the store.
    allEarliestAt = performance.now() + Math.min(pollMs, Math.max(hintGapMs, 4 * tookMs))
    // A hint that came during the read is a hint about what may have been read too early.
    allDueAt = allDueAt === Number.POSITIVE_INFINITY ? performance.now() + pollMs : allEarliestAt
  }

  const read = async (ids: readonly string[]) => {
    const backend = await connection.open()
    if (followers.size > 0) listen(backend)
    for (let start = 0; start < ids.length; start += readJobsMax) {
      const slice = ids.slice(start, start + readJobsMax)
      // Asked first: it may arrive during the read.
      const isPatient = mayCome() || !backend.capabilities.knownAtOnce
      const records = await backend.ledger.get(slice)
      slice.forEach((id, index) => {
        const record = records[index] ?? null
        if (record !== null || !isPatient) deliver(followers.get(id), record)
      })
    }
  }

  const readFresh = () => {
    readScheduled = false
    if (!polling && fresh.size > 0) void poll('fresh')
  }

  return {
    follow: (id, follower) => {
      if (followers.size === 0 && !polling) allDueAt = performance.now() + pollMs
      const set = followers.get(id) ?? new Set()
      followers.set(id, set.add(follower))
      fresh.add(id)
      if (!readScheduled) {
        readScheduled = true
        queueMicrotask(readFresh)
      }
      return () => {
        set.delete(follower)
        if (set.size === 0 && followers.get(id) === set) followers.delete(id)
        if (followers.size === 0 && !polling) rest()
      }
    },
    close: () => {
      rest()
      failAll(followers, new KerjaError('BACKEND_CLOSED', 'This Kerja instance was closed while a job was awaited. The job goes on.'))
    },
  }
}

function deliver(set: ReadonlySet<Follower> | undefined, record: JobRecord | null): void {
  // A copy: a follower stops following when it has what it wants.
  for (const follower of [...(set ?? [])]) follower.onRecord(record)
}

function failAll(followers: Map<string, Set<Follower>>, error: unknown): void {
  const ended = [...followers.values()]
  followers.clear()
  for (const set of ended) for (const follower of set) follower.onError(error)
}
