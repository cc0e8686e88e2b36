/** The web process: answers people at once and leaves the work to the workers. */
import type { AddressInfo } from 'node:net'
import { closeApp, endWithParent, openApp } from '../app/app.js'
import { tellParent } from '../app/tell-parent.js'
import { albumRoutes } from './albums.js'
import { clipRoutes } from './clips.js'
import { createWebServer } from './http.js'
import { inlineRoutes } from './inline.js'
import { orderRoutes } from './orders.js'
import { pageRoutes } from './page.js'
import { peopleRoutes } from './people.js'
import { photoRoutes } from './photos.js'
import { statusRoutes } from './status.js'

endWithParent()
const app = await openApp({ durable: true })
tellParent(app.kerja.events)

const server = createWebServer({
  ...(await pageRoutes(app)),
  ...peopleRoutes(app),
  ...albumRoutes(app),
  ...photoRoutes(app),
  ...clipRoutes(app),
  ...orderRoutes(app),
  ...statusRoutes(app),
  ...inlineRoutes(app),
})

server.listen(app.settings.port, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  // Started by the demo, it tells the demo; started by hand, it tells you.
  if (process.send === undefined) console.log(url)
  else process.send({ type: 'listening', url })
})

await new Promise<void>((resolve) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
})
server.closeAllConnections()
await new Promise((resolve) => server.close(resolve))
await closeApp(app)
