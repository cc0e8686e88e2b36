/** Queues in numbers. Every count stops at the cap, so that a million waiting jobs cost no more than the cap. */
import type { Ledger, QueueStats } from '../../contract/ledger.js'
import type { JobState } from '../../core/state.js'
import type { createLaneHolds } from './lane-holds.js'
import type { Lanes } from './lanes.js'
import { CANCELLED, COMPLETED, FAILED, HELD, READY, SUSPECT } from './rows.js'
import type { Session } from './session.js'

type LaneRow = readonly [
  lane: number,
  queue: string,
  available: number,
  scheduled: number,
  retryable: number,
  /** Of them, those held as invalid. */
  invalid: number,
  /** The earliest run time of a due job that is not held as invalid. */
  oldestAt: number | null,
  running: number,
  completed: number,
  cancelled: number,
  failed: number,
  recentCompleted: number,
  recentRetried: number,
  recentFailed: number,
]

const MINUTE_MS = 60_000

export function createStats(session: Session, lanes: Lanes, holds: ReturnType<typeof createLaneHolds>): Ledger['stats'] {
  const { schema } = session
  const sql = statsSql(schema)

  return async ({ queues, countCap, windowMs }) => {
    const { now } = await holds([])
    const rows = await session.query<LaneRow>(sql, [now, Math.max(0, Math.floor(countCap)), Math.floor((now - windowMs) / MINUTE_MS), queues])
    const { factsOf, pausedQueues } = await holds(rows.map(([lane]) => lane))
    const names = queues ?? [...new Set([...lanes.all().map((lane) => lane[1]), ...rows.map((row) => row[1]), ...pausedQueues])].sort()
    return names.map((queue): QueueStats => {
      const counts: Record<JobState, number> = { scheduled: 0, available: 0, running: 0, retryable: 0, completed: 0, cancelled: 0, failed: 0 }
      const held: Record<string, number> = { paused: 0, 'no-worker': 0, invalid: 0 }
      const recent = { windowMs, completed: 0, retried: 0, failed: 0 }
      let oldest: number | null = null
      const add = (state: JobState, count: number): void => {
        counts[state] = Math.min(countCap, counts[state] + count)
      }
      const hold = (reason: string, count: number): void => {
        held[reason] = Math.min(countCap, (held[reason] ?? 0) + count)
      }
      for (const row of rows) {
        const [lane, name, available, scheduled, retryable, invalid, oldestAt, running, completed, cancelled, failed] = row
        if (name !== queue) continue
        add('available', available)
        add('scheduled', scheduled)
        add('retryable', retryable)
        add('running', running)
        add('completed', completed)
        add('cancelled', cancelled)
        add('failed', failed)
        hold('invalid', invalid)
        const reason = factsOf(lane).holdReason
        if (reason !== null) hold(reason, available + scheduled + retryable - invalid)
        else if (oldestAt !== null) oldest = Math.min(oldest ?? oldestAt, oldestAt)
        recent.completed += row[11]
        recent.retried += row[12]
        recent.failed += row[13]
      }
      return { queue, paused: pausedQueues.has(queue), counts, held, latencyMs: oldest === null ? null : now - oldest, recent }
    })
  }
}

/** $1 now, $2 the cap, $3 the minute before the window, $4 queues or null. Each count walks one index from its start to the cap. */
function statsSql(schema: string): string {
  const ready = (condition: string): string =>
    `SELECT w.run_at FROM ${schema}.waiting w WHERE w.state = ${READY} AND w.lane = l.id AND w.priority = p.priority AND ${condition} ORDER BY w.run_at`
  const apart = (state: number): string =>
    `SELECT w.state, w.run_at, w.failed FROM ${schema}.waiting w WHERE w.state = ${state} AND w.lane = l.id LIMIT $2`
  const ended = (state: number): string =>
    `(SELECT count(*) FROM (SELECT 1 FROM ${schema}.history h WHERE h.lane = l.id AND h.state = ${state} LIMIT $2) x)`
  return `SELECT l.id, l.queue, due.count + coalesce(a.due, 0), greatest(0, due.later - retrying.count) + coalesce(a.later, 0), retrying.count + coalesce(a.retrying, 0),
      coalesce(a.invalid, 0), least(due.oldest, a.oldest), (SELECT count(*) FROM ${schema}.running r WHERE r.lane = l.id),
      ${ended(COMPLETED)}, ${ended(CANCELLED)}, ${ended(FAILED)}, coalesce(recent.completed, 0), coalesce(recent.retried, 0), coalesce(recent.failed, 0)
    FROM ${schema}.lanes l
    CROSS JOIN LATERAL (SELECT count(*) FROM (SELECT 1 FROM ${schema}.waiting w WHERE w.failed AND w.state = ${READY} AND w.lane = l.id AND w.run_at > $1::bigint LIMIT $2) x) retrying
    CROSS JOIN LATERAL (SELECT sum(d.count)::bigint AS count, min(d.oldest) AS oldest, sum(d.later)::bigint AS later FROM generate_series(0, 4) p(priority)
      CROSS JOIN LATERAL (SELECT (SELECT count(*) FROM (${ready('w.run_at <= $1::bigint')} LIMIT $2) x) AS count,
        (${ready('w.run_at <= $1::bigint')} LIMIT 1) AS oldest,
        (SELECT count(*) FROM (${ready('w.run_at > $1::bigint')} LIMIT $2 + retrying.count) x) AS later) d) due
    CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE x.run_at <= $1) AS due, count(*) FILTER (WHERE x.run_at > $1 AND NOT x.failed) AS later,
      count(*) FILTER (WHERE x.run_at > $1 AND x.failed) AS retrying, count(*) FILTER (WHERE x.state = ${HELD}) AS invalid,
      min(x.run_at) FILTER (WHERE x.run_at <= $1 AND x.state <> ${HELD}) AS oldest FROM ((${apart(SUSPECT)}) UNION ALL (${apart(HELD)})) x) a
    CROSS JOIN LATERAL (SELECT sum(c.completed)::bigint AS completed, sum(c.retried)::bigint AS retried, sum(c.failed)::bigint AS failed
      FROM ${schema}.counters c WHERE c.minute > $3::bigint AND c.lane = l.id) recent
    WHERE $4::text[] IS NULL OR l.queue = ANY ($4::text[])`
}
