/**
 * Rows and jobs in one commit: both functions need the jobs to be in the database of the rows. Where they are elsewhere (KERJA_URL), a row is
 * written before its job, so a crash between the two leaves a row without a job; and a list of the jobs that wrote their rows keeps those from
 * being written twice.
 */
import type { Receipt } from 'kerja'
import type { AnyJob, EnqueueOptions, JobContext, Outcome, PayloadOf } from 'kerja/define'
import type { App } from './app.js'
import { transaction } from './database.js'
import type { Settings } from './settings.js'

export const sharesDatabase = ({ backendUrl, databasePath }: Settings): boolean => backendUrl === `sqlite:${databasePath}`

/** Runs `write` and enqueues the job: both are there or neither. */
export async function writeAndEnqueue<J extends AnyJob>(
  { settings, database, kerja }: App,
  write: () => void,
  job: J,
  payload: PayloadOf<J>,
  options: Omit<EnqueueOptions, 'tx'> = {},
): Promise<Receipt> {
  if (!sharesDatabase(settings)) {
    await transaction(database, write)
    return kerja.enqueue(job, payload, options)
  }
  return transaction(database, () => {
    write()
    return kerja.enqueueSync(job, payload, { ...options, tx: database })
  })
}

/** Runs `write` and completes the job: its effect is there exactly when it counts as done, so what was killed in between is simply run again. */
export async function writeAndComplete<Result>(
  { settings, database }: App,
  write: () => void,
  ctx: JobContext<Result>,
  result: Result,
): Promise<Outcome> {
  if (!sharesDatabase(settings)) {
    const list = database.prepare('INSERT INTO written_jobs (job_id) VALUES (?) ON CONFLICT DO NOTHING')
    await transaction(database, () => {
      if (Number(list.run(ctx.id).changes) === 1) write()
    })
    return ctx.complete(result)
  }
  return transaction(database, () => {
    write()
    return ctx.complete(result, { tx: database })
  })
}
