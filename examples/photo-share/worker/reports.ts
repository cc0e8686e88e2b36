/** The monthly report. In the demo a month lasts eight seconds; in earnest the schedule would say `cron: '0 6 1 * *'` and a time zone. */
import { join } from 'node:path'
import { defineSchedule } from 'kerja/define'
import type { App } from '../app/app.js'
import { monthlyReport } from '../app/jobs.js'
import { writeReport } from '../app/report.js'

export const reportSchedule = defineSchedule('monthly-report', monthlyReport.with({}), { every: '8s', missed: 'once', overlap: 'skip' })

const COUNTED = { members: 'users', albums: 'albums', photos: 'photos', clips: 'clips', orders: 'orders', views: 'analytics' } as const

export function reportHandlers({ settings, database }: App) {
  const counts = Object.entries(COUNTED).map(([label, table]) => ({ label, count: database.prepare(`SELECT count(*) AS count FROM ${table}`) }))

  return [
    monthlyReport.handle(async (_payload, ctx) => {
      const lines = counts.map(({ label, count }) => ({ label, ...(count.get() as { count: number }) }))
      // Named by the instant it was due: a second run of the same report replaces the first.
      const path = join(settings.filesFolder, `report-${ctx.scheduledFor.getTime()}.pdf`)
      await writeReport(path, { title: 'Photo Share: the month', at: ctx.scheduledFor, lines })
    }),
  ]
}
