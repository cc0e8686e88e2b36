/** Transfer: jobs that go to another store, and those that come from one. */
import type { AcceptResult, CarriedJob, CarriedPage, Departure, KeyPage, LeaveResult, StandingKey, Transfer } from '../../contract/transfer.js'
import { again } from './again.js'
import { type CarriedRow, carriedOf, givenOf } from './carried-rows.js'
import type { Lanes } from './lanes.js'
import { acceptSchedules } from './schedules.js'
import type { Session } from './session.js'
import { seqOf } from './settle.js'
import { decodeText, encodeText } from './text.js'

export interface TransferHooks {
  readonly wake: (kind: 'available' | 'changed') => void
  /** Jobs went to places that a claim may have passed. */
  readonly moved: () => void
}

const FIRST_ID = '00000000-0000-0000-0000-000000000000'

export function createTransfer(session: Session, lanes: Lanes, hooks: TransferHooks): Transfer {
  const { schema } = session
  const { accept, acceptKeys } = createAccept(session, lanes, hooks)

  async function pageOf(rows: readonly CarriedRow[], cursorOf: (row: CarriedRow) => string): Promise<CarriedPage> {
    await lanes.know(rows.map((row) => row[2]))
    const last = rows.at(-1)
    // A page that is short may have been cut by its size: the next call finds out.
    return { jobs: rows.map((row) => carriedOf(row, lanes.find(row[2]))), next: last === undefined ? null : cursorOf(last) }
  }

  return {
    async take({ workerId, limit, charactersMax, cursor }) {
      const values = [session.now(), workerId, cursor ?? '0', limit, charactersMax]
      const rows = await session.query<CarriedRow>(`SELECT * FROM ${schema}.take_waiting_1($1, $2, $3, $4, $5)`, values, { lane: 'work' })
      return pageOf(rows, ([seq]) => String(seq))
    },
    async ended({ limit, charactersMax, cursor }) {
      const values = [session.now(), cursor ?? FIRST_ID, limit, charactersMax]
      return pageOf(await session.query<CarriedRow>(`SELECT * FROM ${schema}.read_ended_1($1, $2, $3, $4)`, values), ([, id]) => id)
    },
    accept,
    acceptKeys,
    async leave(departures) {
      const items = itemsOf(departures)
      if (items.length === 0) return []
      const [row] = await again(() => session.query<[string]>(`SELECT ${schema}.leave_1($1)`, [JSON.stringify(items)], { lane: 'work' }))
      const { left, cancels } = JSON.parse(row?.[0] ?? '{}') as { left: number[] | null; cancels: [number, string, number][] | null }
      const results: LeaveResult[] = departures.map(() => 'lost')
      for (const position of left ?? []) results[position] = 'left'
      for (const [position, reason, retentionMs] of cancels ?? []) results[position] = { reason: decodeText(reason), retentionMs }
      if (left !== null) hooks.wake('changed')
      return results
    },
    async keys({ limit, cursor }) {
      const after = cursor === null ? ['', ''] : (JSON.parse(cursor) as [string, string])
      return keyPageOf(await session.query<KeyRow>(KEYS(schema), [session.now(), ...after, limit]), limit)
    },
    acceptSchedules: (schedules) => acceptSchedules(session, schedules),
  }
}

type KeyRow = readonly [kind: string, key: string, payloadHash: string, jobId: string, expiresAt: number]
const KEYS = (schema: string): string =>
  `SELECT kind, key, payload_hash, job_id, expires_at FROM ${schema}.idempotency WHERE (kind, key) > ($2, $3) AND expires_at > ${schema}.now_1($1)
    ORDER BY kind, key LIMIT $4`

function keyPageOf(rows: readonly KeyRow[], limit: number): KeyPage {
  const last = rows.at(-1)
  return {
    keys: rows.map(([kind, key, payloadHash, jobId, expiresAt]) => ({
      kind,
      key: decodeText(key),
      payloadHash: decodeText(payloadHash),
      jobId,
      expiresAt,
    })),
    next: last === undefined || rows.length < limit ? null : JSON.stringify([last[0], last[1]]),
  }
}

const keyOf = ({ kind, key, payloadHash, jobId, expiresAt }: StandingKey): readonly unknown[] => [
  kind,
  encodeText(key),
  encodeText(payloadHash),
  jobId,
  Math.ceil(expiresAt),
]

/** Of two departures of one job under one token the first counts. */
function itemsOf(departures: readonly Departure[]): readonly unknown[] {
  const seen = new Set<string>()
  return departures.flatMap((departure, n) => {
    const { jobId, token, finishedAt, cancelCarried } = departure
    const name = `${jobId} ${token} ${finishedAt}`
    if (seen.has(name)) return []
    seen.add(name)
    return [{ n, s: seqOf(departure), i: jobId, t: token, f: finishedAt, c: cancelCarried }]
  })
}

function createAccept(session: Session, lanes: Lanes, { wake, moved }: TransferHooks): Pick<Transfer, 'accept' | 'acceptKeys'> {
  const { schema } = session
  const json = (jobs: readonly CarriedJob[]): string => JSON.stringify(jobs.map((job) => givenOf(job, lanes.idOf(job))))

  async function acceptKeys(keys: readonly StandingKey[]): Promise<void> {
    if (keys.length === 0) return
    const values = [session.now(), JSON.stringify(keys.map(keyOf))]
    await again(() => session.query(`SELECT ${schema}.accept_keys_1($1, $2, NULL)`, values, { lane: 'push' }))
  }

  /** All at once; the answer lists the known ones. */
  async function acceptPlain(name: string, jobs: readonly CarriedJob[]): Promise<AcceptResult[]> {
    if (jobs.length === 0) return []
    const [row] = await again(() => session.query<[string | null]>(`SELECT ${schema}.${name}($1)`, [json(jobs)], { lane: 'push' }))
    const known = new Set(row?.[0] == null ? [] : (JSON.parse(row[0]) as number[]))
    return jobs.map((_, position) => ({ status: known.has(position) ? 'duplicate' : 'accepted' }))
  }

  async function acceptKeyed(jobs: readonly CarriedJob[]): Promise<AcceptResult[]> {
    if (jobs.length === 0) return []
    const [row] = await again(() => session.query<[string]>(`SELECT ${schema}.accept_keyed_1($1, $2)`, [session.now(), json(jobs)], { lane: 'push' }))
    return (JSON.parse(row?.[0] ?? '[]') as (string | null)[]).map((answer): AcceptResult => {
      if (answer === null) return { status: 'accepted' }
      return answer === 'duplicate' ? { status: 'duplicate' } : { status: 'superseded', by: answer }
    })
  }

  return {
    acceptKeys,
    async accept(jobs) {
      if (jobs.length === 0) return []
      await lanes.ensure(jobs)
      const sorted: Record<'ended' | 'keyed' | 'plain', CarriedJob[]> = { ended: [], keyed: [], plain: [] }
      for (const job of jobs) sorted[sortOf(job)].push(job)
      // Before their jobs: should only one of the two be written, a repeated request still meets its key.
      await acceptKeys(sorted.ended.flatMap(({ idempotency }) => idempotency))
      const results = {
        ended: (await acceptPlain('accept_ended_1', sorted.ended)).values(),
        plain: (await acceptPlain('accept_waiting_1', sorted.plain)).values(),
        keyed: (await acceptKeyed(sorted.keyed)).values(),
      }
      moved()
      wake('available')
      wake('changed')
      return jobs.map((job) => results[sortOf(job)].next().value as AcceptResult)
    },
  }
}

const sortOf = ({ end, unique, idempotency }: CarriedJob): 'ended' | 'keyed' | 'plain' => {
  if (end !== null) return 'ended'
  return unique === null && idempotency.length === 0 ? 'plain' : 'keyed'
}
