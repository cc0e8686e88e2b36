/** A worker process. Run as many as there is work for: none of them is special, and any may die. */
import sharp from 'sharp'
import { closeApp, endWithParent, openApp } from '../app/app.js'
import { tellParent } from '../app/tell-parent.js'
import { analyticsHandlers } from './analytics.js'
import { clipHandlers } from './clips.js'
import { mailHandlers } from './mail.js'
import { orderHandlers } from './orders.js'
import { photoHandlers } from './photos.js'
import { pushHandlers } from './push.js'
import { reportHandlers, reportSchedule } from './reports.js'

// Each worker makes one picture at a time and there are several workers: threads for each picture would only crowd the machine.
sharp.concurrency(1)

endWithParent()
const app = await openApp({ durable: false })
tellParent(app.kerja.events)

const worker = app.kerja.worker({
  handlers: [
    ...mailHandlers(app),
    ...photoHandlers(app),
    ...pushHandlers(app),
    ...orderHandlers(app),
    ...analyticsHandlers(app),
    ...clipHandlers(app),
    ...reportHandlers(app),
  ],
  concurrency: 10,
  // What keeps a core busy gets few places, so that letters and payments, which mostly wait for others, go on beside it.
  queues: { photos: 1, media: 1, reports: 1 },
  schedules: [reportSchedule],
  shutdownGrace: '10s',
})

// Until SIGTERM or SIGINT; then it finishes what it runs, as far as the grace allows, and gives the rest back.
await worker.run()
await closeApp(app)
