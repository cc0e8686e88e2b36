/** Signing up, and the newsletter to everybody. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { App } from '../app/app.js'
import { newsletterMail, welcomeMail } from '../app/jobs.js'
import { writeAndEnqueue } from '../app/together.js'
import { HttpError, type Routes, readJson } from './http.js'

const SignUp = z.object({ name: z.string(), email: z.email(), newsletter: z.boolean(), push: z.unknown().optional() })
const Newsletter = z.object({ issue: z.number() })

export function peopleRoutes(app: App): Routes {
  const insert = app.database.prepare('INSERT INTO users (id, name, email, newsletter, push) VALUES (?, ?, ?, ?, ?)')
  const taken = app.database.prepare('SELECT id FROM users WHERE email = ?')
  const subscribers = app.database.prepare('SELECT id FROM users WHERE newsletter = 1')

  return {
    'POST /users': async ({ body }) => {
      const { data, error } = SignUp.safeParse(readJson(body))
      if (error !== undefined) throw new HttpError(400, z.prettifyError(error))
      if (taken.get(data.email) !== undefined) throw new HttpError(409, 'This address has signed up before.')
      const userId = randomUUID()
      const push = data.push === undefined ? null : JSON.stringify(data.push)
      // Nobody is a member without a welcome, and nobody is welcomed who is no member: one commit holds both.
      await writeAndEnqueue(app, () => void insert.run(userId, data.name, data.email, Number(data.newsletter), push), welcomeMail, { userId })
      return { status: 201, body: { userId } }
    },

    'POST /newsletter': async ({ body }) => {
      const { data, error } = Newsletter.safeParse(readJson(body))
      if (error !== undefined) throw new HttpError(400, z.prettifyError(error))
      const { issue } = data
      const readers = subscribers.all() as { id: string }[]
      // Hundreds of letters are one write. Whoever presses the button twice sends them once: each letter has a key.
      const receipts = await app.kerja.enqueueMany(
        readers.map(({ id }) => newsletterMail.with({ userId: id, issue }, { idempotencyKey: `${issue}:${id}` })),
      )
      return { status: 202, body: { letters: receipts.length, duplicates: receipts.filter(({ duplicate }) => duplicate === true).length } }
    },
  }
}
