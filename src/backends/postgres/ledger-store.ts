/** The ledger: what is remembered of jobs, what runs record, and what people do to jobs. */
import type { LogLine } from '../../contract/job.js'
import type { ChangeResult, Ledger } from '../../contract/ledger.js'
import { createLaneHolds } from './lane-holds.js'
import { createLanes } from './lanes.js'
import { createList } from './list.js'
import { type AttemptRow, attemptOf, endedRecords, liveRecords, type RecordRow, recordOf } from './rows.js'
import type { Session } from './session.js'
import { seqOf } from './settle.js'
import { createStats } from './stats.js'
import { arrayOf, decodeText, encodeNullable, encodeText } from './text.js'

export interface LedgerHooks {
  readonly wake: (kind: 'available' | 'changed') => void
  /** Jobs waiting for long went to the front, where claims of this process may not look at once. */
  readonly moved?: () => void
}

export function createLedger(session: Session, hooks: LedgerHooks): Ledger {
  const lanes = createLanes(session)
  const holds = createLaneHolds(session, lanes)
  return {
    ...createReads(session, holds),
    ...createChanges(session, hooks),
    list: createList(session, holds),
    stats: createStats(session, lanes, holds),
    async prune({ limit }) {
      const [row] = await session.query<[number]>(`SELECT ${session.schema}.prune_1($1, $2)`, [session.now(), limit])
      return row?.[0] ?? 0
    },
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

function createReads(session: Session, holds: ReturnType<typeof createLaneHolds>): Pick<Ledger, 'get' | 'attempts' | 'logs'> {
  const { schema } = session
  const [live, ended] = [liveRecords(schema), endedRecords(schema)]
  const getSql = `SELECT ${live.columns} FROM ${live.tables} WHERE j.id = ANY ($1::uuid[])
    UNION ALL SELECT ${ended.columns} FROM ${ended.tables} WHERE h.id = ANY ($1::uuid[])`
  const seqSql = `(SELECT seq FROM ${schema}.jobs WHERE id = $1::uuid UNION ALL SELECT seq FROM ${schema}.history WHERE id = $1::uuid LIMIT 1)`
  return {
    async get(ids) {
      const known = ids.filter((id) => UUID.test(id))
      const rows = known.length === 0 ? [] : await session.query<RecordRow>(getSql, [arrayOf(known)])
      const { now, factsOf } = await holds(rows.map((row) => row[1]))
      const records = new Map(rows.map((row) => [row[0], recordOf(row, factsOf(row[1]), now)]))
      return ids.map((id) => records.get(id.toLowerCase()) ?? null)
    },
    async attempts(id) {
      if (!UUID.test(id)) return []
      const rows = await session.query<AttemptRow>(
        `SELECT attempt, token, worker, started_at, ended_at, outcome, failure FROM ${schema}.attempts WHERE seq = ${seqSql} ORDER BY token`,
        [id],
      )
      return rows.map(attemptOf)
    },
    async logs(id, { limit, after }) {
      if (!UUID.test(id)) return { lines: [], next: after }
      const rows = await session.query<[line: number, at: number, level: LogLine['level'], message: string]>(
        `SELECT line, at, level, message FROM ${schema}.logs WHERE seq = ${seqSql} AND line > $2 ORDER BY line LIMIT $3`,
        [id, after, limit],
      )
      return { lines: rows.map(([, at, level, message]) => ({ at, level, message: decodeText(message) })), next: rows.at(-1)?.[0] ?? after }
    },
  }
}

function createChanges(session: Session, { wake, moved }: LedgerHooks): Pick<Ledger, 'record' | 'cancel' | 'retry' | 'remove' | 'update'> {
  const { schema } = session

  /** The function takes the ids that can be known, and answers in their order. */
  async function change(name: string, ids: readonly string[], ...more: readonly unknown[]): Promise<ChangeResult[]> {
    const known = ids.filter((id) => UUID.test(id))
    const parameters = more.map((_, index) => `, $${index + 3}`).join('')
    const rows =
      known.length === 0
        ? []
        : await session.query<[string]>(`SELECT ${schema}.${name}($1, $2${parameters})`, [session.now(), arrayOf(known), ...more])
    const results = (JSON.parse(rows[0]?.[0] ?? '[]') as ChangeResult[]).values()
    return ids.map((id) => (UUID.test(id) ? (results.next().value as ChangeResult) : 'unknown'))
  }

  const wakeAfter = (results: readonly ChangeResult[], available: boolean): readonly ChangeResult[] => {
    if (!results.includes('changed')) return results
    if (available) {
      moved?.()
      wake('available')
    }
    wake('changed')
    return results
  }

  return {
    async record(writes, { logLinesMax }) {
      const items = writes.map(({ lease, progress, lines }) => ({
        s: seqOf(lease),
        i: lease.jobId,
        t: lease.token,
        ...(progress === undefined ? {} : { f: progress.fraction, m: encodeNullable(progress.message) }),
        ...(lines === undefined ? {} : { l: lines.map(({ at, level, message }) => [Math.ceil(at), level, encodeText(message)]) }),
      }))
      const [row] = await session.query<[string]>(`SELECT ${schema}.record_1($1, $2, $3)`, [session.now(), JSON.stringify(items), logLinesMax], {
        lane: 'work',
      })
      const results = JSON.parse(row?.[0] ?? '[]') as ('recorded' | 'lost')[]
      if (results.includes('recorded')) wake('changed')
      return results
    },
    cancel: async (ids, { reason, retentionMs }) => wakeAfter(await change('cancel_1', ids, encodeText(reason), Math.ceil(retentionMs)), false),
    retry: async (ids) => wakeAfter(await change('retry_1', ids), true),
    remove: async (ids) => wakeAfter(await change('remove_1', ids), false),
    async update(id, changes) {
      const { payload, runAt, delayMs, tags, version, priority, maxAttempts } = changes
      const given = {
        payload: payload === undefined ? undefined : encodeText(payload),
        runAt: runAt === undefined ? undefined : Math.ceil(runAt),
        delayMs: delayMs === undefined ? undefined : Math.ceil(delayMs),
        // As text, which is how they are kept.
        tags: tags === undefined ? undefined : JSON.stringify(tags),
        version,
        priority,
        maxAttempts,
      }
      return wakeAfter(await change('update_1', [id], JSON.stringify(given)), true)[0] as ChangeResult
    },
  }
}
