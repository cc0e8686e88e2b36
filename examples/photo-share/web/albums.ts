/** Albums, and looking at them. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { App } from '../app/app.js'
import { transaction } from '../app/database.js'
import { track } from '../app/jobs.js'
import { HttpError, type Routes, readJson } from './http.js'

const NewAlbum = z.object({ ownerId: z.string(), title: z.string() })

export function albumRoutes(app: App): Routes {
  const insert = app.database.prepare('INSERT INTO albums (id, owner_id, title) VALUES (?, ?, ?)')
  const find = app.database.prepare('SELECT id, title FROM albums WHERE id = ?')
  const photosOf = app.database.prepare('SELECT id, thumbnail, resized, watermarked FROM photos WHERE album_id = ?')

  return {
    'POST /albums': async ({ body }) => {
      const { data, error } = NewAlbum.safeParse(readJson(body))
      if (error !== undefined) throw new HttpError(400, z.prettifyError(error))
      const albumId = randomUUID()
      await transaction(app.database, () => insert.run(albumId, data.ownerId, data.title))
      return { status: 201, body: { albumId } }
    },

    'GET /albums/:albumId': async ({ params: { albumId = '' } }) => {
      const album = find.get(albumId)
      if (album === undefined) throw new HttpError(404, 'There is no such album.')
      const eventId = randomUUID()
      await app.kerja.enqueue(track, { eventId, name: 'album.viewed', albumId })
      return { status: 200, body: { album, photos: photosOf.all(albumId), eventId } }
    },
  }
}
