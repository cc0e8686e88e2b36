/** Uploading clips. */
import { createHash, randomUUID } from 'node:crypto'
import type { App } from '../app/app.js'
import { originalPath, saveFile } from '../app/files.js'
import { transcode } from '../app/jobs.js'
import { writeAndEnqueue } from '../app/together.js'
import type { Routes } from './http.js'

export function clipRoutes(app: App): Routes {
  const insert = app.database.prepare('INSERT INTO clips (id, album_id) VALUES (?, ?)')

  return {
    'POST /albums/:albumId/clips': async ({ params: { albumId = '' }, body }) => {
      const sha256 = createHash('sha256').update(body).digest('hex')
      await saveFile(originalPath(app.settings.filesFolder, sha256), body)
      const clipId = randomUUID()
      const receipt = await writeAndEnqueue(app, () => void insert.run(clipId, albumId), transcode, { clipId, sha256 })
      return { status: 202, headers: { location: `/status/${receipt.id}` }, body: { clipId, jobId: receipt.id } }
    },
  }
}
