/** Transcoding clips: the long job, which tells how far it is. */
import { join } from 'node:path'
import type { App } from '../app/app.js'
import { hasFfmpeg, transcodeClip } from '../app/clips.js'
import { clipName, originalPath } from '../app/files.js'
import { transcode } from '../app/jobs.js'
import { writeAndComplete } from '../app/together.js'

export function clipHandlers(app: App) {
  const { settings, database } = app
  const update = database.prepare('UPDATE clips SET file = ? WHERE id = ?')

  return [
    transcode.handle(async ({ clipId, sha256 }, ctx) => {
      if (!hasFfmpeg()) return ctx.fail('ffmpeg is not installed on this worker')
      const name = clipName(clipId)
      await transcodeClip(originalPath(settings.filesFolder, sha256), join(settings.filesFolder, name), {
        onProgress: (fraction) => ctx.progress(fraction, 'encoding'),
        signal: ctx.signal,
      })
      return writeAndComplete(app, () => void update.run(name, clipId), ctx, { url: `/files/${name}` })
    }),
  ]
}
