/** Why the ready jobs of a lane may not start now: its queue is paused, or no live worker serves it. Computed when asked, never stored. */
import type { HoldReason } from '../../core/state.js'
import type { Lane, Lanes } from './lanes.js'
import type { LaneFacts } from './rows.js'
import type { Session } from './session.js'

export interface Holds {
  /** The store's clock. */
  readonly now: number
  readonly pausedQueues: ReadonlySet<string>
  /** A lane's facts as of then. */
  factsOf(lane: number): LaneFacts
}

type Serving = readonly [queues: readonly string[], kinds: readonly { readonly kind: string; readonly version: number }[]]

/** Reads pauses and workers once; lanes as well, where the caller has seen one that is not known. */
export function createLaneHolds(session: Session, lanes: Lanes): (seen: Iterable<number>) => Promise<Holds> {
  const { schema } = session
  const sql = `SELECT n.now, (SELECT json_agg(queue) FROM ${schema}.paused_queues), (SELECT json_agg(json_build_array(w.queues, w.kinds))
      FROM ${schema}.workers w JOIN ${schema}.heartbeats b ON b.worker = w.id WHERE w.died_at IS NULL AND n.now - b.at <= w.lease_ms)
    FROM ${schema}.now_1($1) AS n(now)`
  return async (seen) => {
    const [[row]] = await Promise.all([
      session.query<[now: number, paused: readonly string[] | null, serving: readonly Serving[] | null]>(sql, [session.now()]),
      lanes.know(seen),
    ])
    const [now, paused, serving] = row ?? [0, null, null]
    const pausedQueues = new Set(paused ?? [])
    const serves = (serving ?? []).map(servedBy)
    const facts = new Map<number, LaneFacts>()
    const holdOf = (lane: Lane): HoldReason | null => {
      if (pausedQueues.has(lane[1])) return 'paused'
      return serves.some((isServed) => isServed(lane)) ? null : 'no-worker'
    }
    return {
      now,
      pausedQueues,
      factsOf(id) {
        let known = facts.get(id)
        if (known === undefined) {
          const lane = lanes.find(id)
          known = { queue: lane[1], kind: lane[2], version: lane[3], holdReason: holdOf(lane) }
          facts.set(id, known)
        }
        return known
      },
    }
  }
}

/** What one worker registered, as a question about lanes. */
function servedBy([queueNames, kindList]: Serving): (lane: Lane) => boolean {
  const queues = new Set(queueNames)
  const kinds = new Map(kindList.map(({ kind, version }) => [kind, version]))
  return ([, queue, kind, version]) => queues.has(queue) && (kinds.get(kind) ?? 0) >= version
}
