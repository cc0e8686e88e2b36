/**
 * Workers as small numbers: a job names the worker that runs it in its row and in an index, where the 36 characters of an id would make a claim and
 * its settlement write more pages. A number is never used for another worker.
 */
import type { Connection } from './driver.js'

/** The id of the worker that `kerja_jobs.worker` names, in a query of that table. */
export const WORKER_ID_SQL = '(SELECT id FROM kerja_worker_ids WHERE number = worker)'

/** The number of a worker, made when new. */
export function createWorkerNumbers(connection: Connection): (id: string) => number {
  const add = connection.prepare('INSERT INTO kerja_worker_ids (id) VALUES (?) ON CONFLICT (id) DO NOTHING')
  const find = connection.prepare<[number]>('SELECT number FROM kerja_worker_ids WHERE id = ?')
  return (id) => {
    add.run(id)
    return (find.row(id) as readonly [number])[0]
  }
}

/** The number of a worker that may hold leases. Null for one that nobody knows or that was declared dead: no lease of it would hold. */
export function createLiveWorkers(connection: Connection): (id: string) => number | null {
  const live = connection.prepare<[number]>('SELECT number FROM kerja_workers WHERE id = ? AND died_at IS NULL')
  return (id) => live.row(id)?.[0] ?? null
}
