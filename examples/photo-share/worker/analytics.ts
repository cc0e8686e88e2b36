/** Analytics events: the row and the completion are one commit, so there is one row for each event, whoever is killed when. */
import type { App } from '../app/app.js'
import { track } from '../app/jobs.js'
import { writeAndComplete } from '../app/together.js'

export function analyticsHandlers(app: App) {
  const insert = app.database.prepare('INSERT INTO analytics (event_id, name, album_id) VALUES (?, ?, ?)')

  return [track.handle(({ eventId, name, albumId }, ctx) => writeAndComplete(app, () => void insert.run(eventId, name, albumId), ctx, undefined))]
}
