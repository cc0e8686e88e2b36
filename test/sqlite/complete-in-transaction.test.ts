// A handler completes its job inside its own synchronous transaction: both hold or neither does.
import { join } from 'node:path'
import { Kerja } from 'kerja'
import { defineJob, type } from 'kerja/define'
import { expect, it, onTestFinished } from 'vitest'
import { openHandle, temporaryFolder } from './support.js'

const book = defineJob({ kind: 'test.book', payload: type<{ commit: boolean }>(), maxAttempts: 1 })

it.each([
  { commit: true, state: 'completed', rows: 1 },
  { commit: false, state: 'failed', rows: 0 },
])('commit $commit: the job is $state and there are $rows rows', async ({ commit, state, rows }) => {
  const path = join(temporaryFolder(), 'app.db')
  const kerja = new Kerja({ backend: `sqlite:${path}`, logger: 'silent' })
  await kerja.open()
  const db = openHandle(path)
  onTestFinished(async () => {
    await kerja.close()
    db.close()
  })
  db.exec('CREATE TABLE bookings (job TEXT)')
  const handler = book.handle((payload, ctx) => {
    db.exec('BEGIN IMMEDIATE')
    db.prepare('INSERT INTO bookings VALUES (?)').run(ctx.id as never)
    const outcome = ctx.complete(undefined, { tx: db })
    db.exec(payload.commit ? 'COMMIT' : 'ROLLBACK')
    return outcome
  })
  await kerja.worker({ handlers: [handler] }).start()
  const ended = Promise.race([kerja.events.once('job.completed'), kerja.events.once('job.failed')])
  const { id } = await kerja.enqueue(book, { commit })
  await ended
  expect((await kerja.jobs.get(id)).state).toBe(state)
  expect(db.prepare('SELECT * FROM bookings').all()).toHaveLength(rows)
})
