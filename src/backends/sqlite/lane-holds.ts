/** Why the ready jobs of a lane may not start now: its queue is paused, or no live worker serves it. Computed when asked, never stored. */
import type { HoldReason } from '../../core/state.js'
import type { StoreContext } from './context.js'
import type { LaneFacts } from './rows.js'
import type { WireLane } from './wire.js'

export interface LaneHolds {
  /** Reads pauses and workers once; the answer gives each lane's facts as of then. */
  read(): (lane: number) => LaneFacts
  pausedQueues(): ReadonlySet<string>
}

export function createLaneHolds(context: StoreContext): LaneHolds {
  const { connection, lanes } = context
  const paused = connection.prepare<[string]>('SELECT queue FROM kerja_paused_queues')
  const live = connection.prepare<[queues: string, kinds: string]>(
    'SELECT queues, kinds FROM kerja_workers WHERE died_at IS NULL AND ? - heartbeat_at <= lease_ms',
  )
  const pausedQueues = (): ReadonlySet<string> => new Set(paused.rows().map(([queue]) => queue))

  return {
    pausedQueues,
    read() {
      const pauses = pausedQueues()
      const serves = live.rows(context.now()).map(([queues, kinds]) => servedBy(queues, kinds))
      const facts = new Map<number, LaneFacts>()
      const holdOf = (lane: WireLane): HoldReason | null => {
        if (pauses.has(lane[1])) return 'paused'
        return serves.some((isServed) => isServed(lane)) ? null : 'no-worker'
      }
      return (id) => {
        let known = facts.get(id)
        if (known === undefined) {
          const lane = lanes.find(id)
          known = { queue: lane[1], kind: lane[2], version: lane[3], holdReason: holdOf(lane) }
          facts.set(id, known)
        }
        return known
      }
    },
  }
}

/** What one worker registered, as a question about lanes. */
function servedBy(queuesJson: string, kindsJson: string): (lane: WireLane) => boolean {
  const queues = new Set(JSON.parse(queuesJson) as string[])
  const kinds = new Map((JSON.parse(kindsJson) as { kind: string; version: number }[]).map(({ kind, version }) => [kind, version]))
  return ([, queue, kind, version]) => queues.has(queue) && (kinds.get(kind) ?? 0) >= version
}
