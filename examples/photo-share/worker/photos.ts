/** The three versions of a photo. Each can be made again at no harm: it takes the place of the file that is there. */
import { join } from 'node:path'
import type { App } from '../app/app.js'
import { originalPath, type Rendition, renditionName } from '../app/files.js'
import { albumReady, resize, thumbnail, watermark } from '../app/jobs.js'
import { renderPicture } from '../app/pictures.js'
import { writeAndComplete } from '../app/together.js'

interface Photo {
  readonly photoId: string
  readonly sha256: string
}

export function photoHandlers(app: App) {
  const { settings, database } = app

  /** Makes the picture. What comes back records it; that goes into the commit that completes the job. */
  async function render(rendition: Rendition, { photoId, sha256 }: Photo) {
    const name = renditionName(photoId, rendition)
    await renderPicture(rendition, originalPath(settings.filesFolder, sha256), join(settings.filesFolder, name))
    return { name, record: () => void database.prepare(`UPDATE photos SET ${rendition} = ? WHERE id = ?`).run(name, photoId) }
  }

  // What follows a version exists exactly when the version's job is completed: a run that dies half-way leaves no follower behind, and no gap.
  return [
    thumbnail.handle(async (photo, ctx) => {
      const { name, record } = await render('thumbnail', photo)
      ctx.enqueueOnComplete(resize, photo)
      ctx.enqueueOnComplete(watermark, photo)
      return writeAndComplete(app, record, ctx, { url: `/files/${name}` })
    }),

    resize.handle(async (photo, ctx) => {
      const { record } = await render('resized', photo)
      ctx.enqueueOnComplete(albumReady, { albumId: photo.albumId })
      return writeAndComplete(app, record, ctx, undefined)
    }),

    watermark.handle(async (photo, ctx) => {
      const { record } = await render('watermarked', photo)
      ctx.enqueueOnComplete(albumReady, { albumId: photo.albumId })
      return writeAndComplete(app, record, ctx, undefined)
    }),
  ]
}
