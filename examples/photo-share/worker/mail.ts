/** Letters. SMTP cannot be undone and its reply can get lost, so one may go out twice: its Message-ID, the same in every run, tells the receiver. */
import type { App } from '../app/app.js'
import { albumReady, newsletterMail, notify, welcomeMail } from '../app/jobs.js'
import { writeAndComplete } from '../app/together.js'

interface Person {
  readonly name: string
  readonly email: string
}

interface AlbumState extends Person {
  readonly title: string
  readonly owner_id: string
  readonly push: string | null
  readonly announced_photos: number
  readonly photos: number
  readonly finished: number
}

const ALBUM_STATE = `
  SELECT albums.title, albums.owner_id, albums.announced_photos, users.name, users.email, users.push,
    (SELECT count(*) FROM photos WHERE album_id = albums.id) AS photos,
    (SELECT count(*) FROM photos WHERE album_id = albums.id AND thumbnail IS NOT NULL AND resized IS NOT NULL AND watermarked IS NOT NULL) AS finished
  FROM albums JOIN users ON users.id = albums.owner_id WHERE albums.id = ?`

export function mailHandlers(app: App) {
  const { database, mailer } = app
  const person = database.prepare('SELECT name, email FROM users WHERE id = ?')
  const albumState = database.prepare(ALBUM_STATE)
  const announce = database.prepare('UPDATE albums SET announced_photos = max(announced_photos, ?) WHERE id = ?')

  return [
    welcomeMail.handle(async ({ userId }, ctx) => {
      const { name, email } = person.get(userId) as Person
      await mailer.send({ messageId: ctx.idempotencyKey('letter'), to: email, subject: `Welcome, ${name}`, text: 'Your albums are waiting for you.' })
    }),

    newsletterMail.handle(async ({ userId, issue }, ctx) => {
      const { name, email } = person.get(userId) as Person
      const text = `Dear ${name}, this is what others share.`
      await mailer.send({ messageId: ctx.idempotencyKey('letter'), to: email, subject: `Newsletter ${issue}`, text })
    }),

    albumReady.handle(async ({ albumId }, ctx) => {
      const { title, owner_id: userId, name, email, push, announced_photos: announced, photos, finished } = albumState.get(albumId) as AlbumState
      // Not a failure, only too early: looking again costs no attempt.
      if (finished < photos) return ctx.snooze('2s')
      if (announced >= photos) return ctx.cancel('nothing new since the last letter')
      const body = `${photos} photos in ${title}`
      // Two jobs can find the same album ready, so here the key is the state that the letter is about, not the job.
      const key = `album-ready:${albumId}:${photos}`
      await mailer.send({ messageId: key, to: email, subject: `Your album is ready: ${body}`, text: `Dear ${name}, have a look.` })
      if (push !== null) ctx.enqueueOnComplete(notify, { userId, title: 'Your album is ready', body, tag: key })
      return writeAndComplete(app, () => void announce.run(photos, albumId), ctx, undefined)
    }),
  ]
}
