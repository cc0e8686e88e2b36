/** What became of an upload or an order: the page that `Location` names. */
import { isKerjaError } from 'kerja'
import type { App } from '../app/app.js'
import { chargeOrder, thumbnail, transcode } from '../app/jobs.js'
import { HttpError, type Routes } from './http.js'

/** Ids of jobs can be guessed from one another, so people may ask only about the kinds that are meant for them. */
const PUBLIC_KINDS: readonly string[] = [thumbnail.kind, transcode.kind, chargeOrder.kind]

const NOTHING_KNOWN = 'Nothing is known of this.'

export function statusRoutes({ kerja }: App): Routes {
  return {
    'GET /status/:jobId': async ({ params: { jobId = '' } }) => {
      const job = await kerja.jobs.get(jobId).catch((error: unknown) => {
        throw isKerjaError(error, 'JOB_NOT_FOUND') ? new HttpError(404, NOTHING_KNOWN) : error
      })
      if (!PUBLIC_KINDS.includes(job.kind)) throw new HttpError(404, NOTHING_KNOWN)
      const { id, kind, state, progress, attempt, result, reason } = job
      return { status: 200, body: { id, kind, state, progress, attempt, result, reason } }
    },
  }
}
