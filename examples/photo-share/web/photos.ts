/** Uploading photos and fetching what became of them. */
import { createHash, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { IdempotencyConflictError } from 'kerja'
import type { App } from '../app/app.js'
import { originalPath, saveFile } from '../app/files.js'
import { thumbnail } from '../app/jobs.js'
import { writeAndEnqueue } from '../app/together.js'
import { albumGuard } from './albums.js'
import { type Answer, type Call, HttpError, type Routes } from './http.js'

/** How files of these types begin. */
const BEGINNINGS = { jpeg: Buffer.from([0xff, 0xd8, 0xff]), png: Buffer.from([0x89, 0x50, 0x4e, 0x47]), webp: Buffer.from('RIFF') }

export function photoRoutes(app: App): Routes {
  const checkAlbum = albumGuard(app)
  // With a key the request can be sent again, so its photo may be there already.
  const insert = app.database.prepare('INSERT INTO photos (id, album_id) VALUES (?, ?) ON CONFLICT DO NOTHING')

  async function upload({ params: { albumId = '' }, headers, body }: Call): Promise<Answer> {
    checkAlbum(albumId)
    const sha256 = await storeOriginal(app, body)
    const key = headers['idempotency-key']
    const photoId = typeof key === 'string' ? createHash('sha256').update(`${albumId}:${key}`).digest('hex').slice(0, 32) : randomUUID()
    const receipt = await writeAndEnqueue(
      app,
      () => void insert.run(photoId, albumId),
      thumbnail,
      { photoId, albumId, sha256 },
      { idempotencyKey: photoId },
    )
    return {
      status: 202,
      headers: { location: `/status/${receipt.id}` },
      body: { photoId, jobId: receipt.id, isSpooled: receipt.durability === 'spooled' },
    }
  }

  return {
    'POST /albums/:albumId/photos': (call) =>
      upload(call).catch((error: Error) => {
        throw error instanceof IdempotencyConflictError ? new HttpError(409, 'This Idempotency-Key came with another picture before.') : error
      }),

    'GET /files/:name': async ({ params: { name = '' } }) => {
      const bytes = await readFile(join(app.settings.filesFolder, name)).catch(() => {
        throw new HttpError(404, 'There is no such file yet.')
      })
      return { status: 200, headers: { 'content-type': name.endsWith('.mp4') ? 'video/mp4' : 'image/jpeg' }, body: bytes }
    },
  }
}

/** Files are named by what is in them, so an upload that comes twice is stored once. */
export async function storeOriginal({ settings }: App, body: Buffer): Promise<string> {
  if (!Object.values(BEGINNINGS).some((beginning) => body.subarray(0, beginning.length).equals(beginning))) {
    throw new HttpError(415, 'Send a JPEG, PNG or WebP picture as the body.')
  }
  const sha256 = createHash('sha256').update(body).digest('hex')
  await saveFile(originalPath(settings.filesFolder, sha256), body)
  return sha256
}
