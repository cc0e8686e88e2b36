/** Retention by days: a day whose jobs are all past it is dropped whole, and nothing else is lost by that. */
import { randomBytes } from 'node:crypto'
import { createManualClock, type ManualClock, type NewJob } from 'kerja/backend'
import { describe, expect, it } from 'vitest'
import { job } from '../sqlite/support.js'
import { newSchema, temporaryPostgres, withClient } from '../support/postgres.js'

const DAY = 86_400_000
const HOUR = 3_600_000

/** A UUIDv7 of this instant. */
function idAt(at: number): string {
  const time = at.toString(16).padStart(12, '0')
  const rest = randomBytes(8).toString('hex')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(0, 3)}-8${rest.slice(3, 6)}-${rest.slice(6, 16)}00`
}

const jobAt = (at: number): NewJob => job({ id: idAt(at), kind: 'pruned', payload: '1', maxAttempts: 1 })

async function openAt(clock: ManualClock) {
  const schema = newSchema()
  const backend = temporaryPostgres({ schema, clock })
  await backend.open()
  // The maintenance makes the days' partitions.
  await backend.ledger.prune({ limit: 10 })
  const partitions = () =>
    withClient(async (client) => {
      const { rows } = await client.query<{ name: string; count: string }>(
        `SELECT c.relname AS name, (xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM ${schema}.' || c.relname, false, true, '')))[1]::text AS count
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '${schema}.history'::regclass ORDER BY 1`,
      )
      return Object.fromEntries(rows.map(({ name, count }) => [name, Number(count)]))
    })
  async function end(retentionMs: number, count = 1): Promise<string[]> {
    const jobs = Array.from({ length: count }, () => jobAt(clock.now()))
    await backend.queue.push(jobs)
    const ids = jobs.map(({ id }) => id)
    await backend.ledger.cancel(ids, { reason: 'no', retentionMs })
    return ids
  }
  /** Ended jobs, written as they would stand. */
  const fill = (count: number, retentionMs: number) =>
    withClient((client) =>
      client.query(
        `INSERT INTO ${schema}.history (id, seq, run_at, created_at, finished_at, prune_at, lane, token, attempt, max_attempts, crash_count, priority,
            state, keyed, cancel_requested, payload)
          SELECT (lpad(to_hex($1::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 19))::uuid, 1000000 + n, $1, $1, $1, $1 + $2::bigint,
            (SELECT min(id) FROM ${schema}.lanes), 1, 1, 1, 0, 2, 2, 0, false, '1' FROM generate_series(1, $3::int) n`,
        [clock.now(), retentionMs, count],
      ),
    )
  return { backend, partitions, end, fill }
}

describe('retention on PostgreSQL', () => {
  it('drops a day that is past its retention, and keeps the few jobs of it that are not', async () => {
    const clock = createManualClock(Date.UTC(2026, 4, 1, 12))
    const { backend, partitions, end } = await openAt(clock)
    const gone = await end(HOUR, 5)
    const kept = await end(30 * DAY, 2)
    expect(await partitions()).toEqual({ history_20260501: 7, history_20260502: 0, history_20260503: 0, history_default: 0 })
    clock.advance(DAY)
    expect(await backend.ledger.prune({ limit: 100 })).toBe(5)
    expect(await partitions()).toEqual({ history_20260502: 0, history_20260503: 0, history_20260504: 0, history_default: 2 })
    expect((await backend.ledger.get([...gone, ...kept])).map((record) => record?.state ?? null)).toEqual([
      ...gone.map(() => null),
      'cancelled',
      'cancelled',
    ])
    expect(await backend.ledger.retry(kept)).toEqual(['changed', 'changed'])
    expect(await backend.queue.push([{ ...jobAt(clock.now()), id: kept[0] as string }])).toEqual([{ status: 'duplicate', id: kept[0] }])
  })

  it('leaves many expired jobs of one day to go with it', async () => {
    const clock = createManualClock(Date.UTC(2026, 4, 1, 12))
    const { backend, partitions, end, fill } = await openAt(clock)
    await end(HOUR)
    await fill(10_050, HOUR)
    clock.advance(2 * HOUR)
    expect(await backend.ledger.prune({ limit: 500 })).toBe(0)
    expect((await partitions()).history_20260501).toBe(10_051)
    clock.advance(DAY)
    expect(await backend.ledger.prune({ limit: 500 })).toBe(500)
    expect(Object.keys(await partitions())).not.toContain('history_20260501')
    expect(await backend.ledger.prune({ limit: 500 })).toBe(0)
  })

  it('keeps a push of a day that has no partition, and finds it again', async () => {
    const clock = createManualClock(Date.UTC(2026, 4, 1, 12))
    const { backend, partitions, end } = await openAt(clock)
    clock.advance(10 * DAY)
    const [id] = (await end(DAY)) as [string]
    expect((await partitions()).history_default).toBe(1)
    await backend.ledger.prune({ limit: 10 })
    // The default partition holds an id of today, so that today gets none of its own.
    expect(Object.keys(await partitions())).not.toContain('history_20260511')
    expect((await backend.ledger.get([id]))[0]?.state).toBe('cancelled')
    clock.advance(2 * DAY)
    expect(await backend.ledger.prune({ limit: 10 })).toBe(1)
  })
})
