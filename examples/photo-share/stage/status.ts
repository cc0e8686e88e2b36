/** The live line's text: what goes on right now. */
import type { Job, Kerja } from 'kerja'
import { countLive, type LiveCounts } from './ledger.js'
import type { Outside } from './outside.js'
import { percentile, type Tally } from './tally.js'

export interface Status {
  line(): string
  stop(): void
}

const ASK_EVERY_MS = 500

export function startStatus(kerja: Kerja, tally: Tally, outside: Outside): Status {
  let counts: LiveCounts = { waiting: 0, running: 0 }
  let clips: readonly Job[] = []
  let asking = false
  const timer = setInterval(() => {
    if (asking) return
    asking = true
    Promise.all([countLive(kerja), kerja.jobs.list({ kind: 'clip.transcode', states: ['running'] })])
      .then(([found, { jobs }]) => {
        counts = found
        clips = jobs
      })
      // The line shows the last numbers it has; whether jobs can be counted is checked at the end.
      .catch(() => undefined)
      .finally(() => {
        asking = false
      })
  }, ASK_EVERY_MS)

  return {
    line: () => {
      const uploads = tally.times('upload')
      const requests = uploads.length + tally.times('inline').length + tally.times('other').length
      const p99 = uploads.length === 0 ? '-' : `${Math.round(percentile(uploads, 0.99))} ms`
      return [
        `${requests} requests, uploads answered within ${p99}`,
        `jobs: ${counts.waiting} waiting, ${counts.running} running, ${tally.count('job.completed')} done, ${tally.count('job.retried')} retried`,
        `${outside.mailServer.mailbox.size} letters, ${outside.paymentApi.ledger.length} charges`,
        ...clips.map(({ progress }) => `clip ${Math.round((progress?.fraction ?? 0) * 100)} %`),
      ].join(' · ')
    },
    stop: () => clearInterval(timer),
  }
}
