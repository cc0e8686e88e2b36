/**
 * Rows and jobs in one commit. Both functions need the jobs to be in the database of the rows. Where they are elsewhere (KERJA_URL), the rows come first and
 * the job after: a crash between the two can then leave a row without its job, or have a handler write its rows twice.
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

/** Runs `write` and completes the job: its effect is there exactly when it counts as done, so a run that was killed in between is simply run again. */
export async function writeAndComplete<Result>(
  { settings, database }: App,
  write: () => void,
  ctx: JobContext<Result>,
  result: Result,
): Promise<Outcome> {
  if (!sharesDatabase(settings)) {
    await transaction(database, write)
    return ctx.complete(result)
  }
  return transaction(database, () => {
    write()
    return ctx.complete(result, { tx: database })
  })
}
