/** Notices when a caller's transaction has committed, by asking for its status with growing pauses: its end is the caller's and unseen. */
import type { Session } from './session.js'

export interface CommitWatch {
  /** Calls back once transaction `xid` has committed; never when it is rolled back, or stays open for very long. */
  watch(xid: string, onCommit: () => void): void
}

const FIRST_PAUSE_MS = 2
const PAUSE_MS_MAX = 1_000
/** By then workers have found the jobs by polling. */
const WATCH_MS_MAX = 60_000
const WATCHED_MAX = 1_000

interface Watched {
  readonly xid: string
  readonly since: number
  readonly callbacks: Set<() => void>
  askAt: number
}

export function createCommitWatch(session: Session): CommitWatch {
  const watched = new Map<string, Watched>()
  let timer: NodeJS.Timeout | undefined

  function arm(): void {
    if (timer !== undefined || watched.size === 0) return
    const next = Math.min(...[...watched.values()].map(({ askAt }) => askAt))
    timer = setTimeout(ask, Math.max(0, next - performance.now()))
    timer.unref()
  }

  /** One question for all that are due. */
  function ask(): void {
    const now = performance.now()
    const due = [...watched.values()].filter(({ askAt }) => askAt <= now + 1)
    const xids = due.map(({ xid }) => xid)
    session
      .query<[xid: string, status: string | null]>('SELECT x, pg_xact_status(x::xid8) FROM unnest($1::text[]) x', [xids])
      .then(
        (rows) => {
          for (const [xid, status] of rows) judge(xid, status)
        },
        // The store is away; the next question may be answered.
        () => {
          for (const xid of xids) judge(xid, 'in progress')
        },
      )
      .finally(() => {
        timer = undefined
        arm()
      })
  }

  function judge(xid: string, status: string | null): void {
    const each = watched.get(xid)
    if (each === undefined) return
    const waitedMs = performance.now() - each.since
    if (status === 'in progress' && waitedMs < WATCH_MS_MAX) {
      each.askAt = performance.now() + Math.min(Math.max(FIRST_PAUSE_MS, waitedMs / 2), PAUSE_MS_MAX)
      return
    }
    watched.delete(xid)
    if (status === 'committed') for (const callback of each.callbacks) callback()
  }

  return {
    watch(xid, onCommit) {
      const known = watched.get(xid)
      if (known !== undefined) return void known.callbacks.add(onCommit)
      if (watched.size >= WATCHED_MAX) return
      const since = performance.now()
      watched.set(xid, { xid, since, callbacks: new Set([onCommit]), askAt: since + FIRST_PAUSE_MS })
      arm()
    },
  }
}
