/** The three versions of a photo. Each can be made again at no harm: it replaces its file and sets the same column to the same name. */
import { join } from 'node:path'
import type { App } from '../app/app.js'
import { transaction } from '../app/database.js'
import { originalPath, type Rendition, renditionName } from '../app/files.js'
import { albumReady, resize, thumbnail, watermark } from '../app/jobs.js'
import { renderPicture } from '../app/pictures.js'

interface Photo {
  readonly photoId: string
  readonly sha256: string
}

export function photoHandlers({ settings, database }: App) {
  async function render(rendition: Rendition, { photoId, sha256 }: Photo): Promise<string> {
    const name = renditionName(photoId, rendition)
    await renderPicture(rendition, originalPath(settings.filesFolder, sha256), join(settings.filesFolder, name))
    await transaction(database, () => database.prepare(`UPDATE photos SET ${rendition} = ? WHERE id = ?`).run(name, photoId))
    return name
  }

  // What follows a version exists exactly when the version's job is completed: a run that dies half-way leaves no follower behind, and no gap.
  return [
    thumbnail.handle(async (photo, ctx) => {
      const name = await render('thumbnail', photo)
      ctx.enqueueOnComplete(resize, photo)
      ctx.enqueueOnComplete(watermark, photo)
      return { url: `/files/${name}` }
    }),

    resize.handle(async (photo, ctx) => {
      await render('resized', photo)
      ctx.enqueueOnComplete(albumReady, { albumId: photo.albumId })
    }),

    watermark.handle(async (photo, ctx) => {
      await render('watermarked', photo)
      ctx.enqueueOnComplete(albumReady, { albumId: photo.albumId })
    }),
  ]
}
