/**
 * How it is done without background jobs, for comparison: the same pictures and the same letter, before the answer. The person waits for all
 * of it, and a mail server with a bad moment fails the upload.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { App } from '../app/app.js'
import { originalPath, RENDITIONS, renditionName } from '../app/files.js'
import { renderPicture } from '../app/pictures.js'
import { HttpError, type Routes } from './http.js'
import { storeOriginal } from './photos.js'

export function inlineRoutes(app: App): Routes {
  const { filesFolder } = app.settings

  return {
    'POST /inline/:email/photos': async ({ params: { email = '' }, body }) => {
      const sha256 = await storeOriginal(app, body)
      const photoId = randomUUID()
      for (const rendition of RENDITIONS) {
        await renderPicture(rendition, originalPath(filesFolder, sha256), join(filesFolder, renditionName(photoId, rendition)))
      }
      const letter = {
        messageId: `inline-${photoId}`,
        to: `${email}@example.test`,
        subject: 'Your photo is ready',
        text: 'You waited for this letter.',
      }
      await app.mailer.send(letter).catch((error: Error) => {
        throw new HttpError(502, `The picture is there, but the letter is not: ${error.message}`)
      })
      return { status: 201, body: { photoId } }
    },
  }
}
