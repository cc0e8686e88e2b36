// Who pushes wakes other processes in the same round trip, after its commit.
import { once } from 'node:events'
import type pg from 'pg'
import { expect, it } from 'vitest'
import { job } from '../sqlite/support.js'
import { newSchema, temporaryPostgres, withClient } from '../support/postgres.js'

it('a push and its wake-up are one statement', async () => {
  const schema = newSchema()
  const backend = temporaryPostgres({ schema })
  await backend.open()
  await withClient(async (client) => {
    await client.query(`LISTEN "${schema}.available"`)
    const heard = once(client, 'notification')
    const pushed = job()
    await backend.queue.push([pushed])
    const [{ processId }] = (await heard) as [pg.Notification]
    const { rows } = await client.query('SELECT query FROM pg_stat_activity WHERE pid = $1', [processId])
    expect(rows[0]?.query).toContain('push_and_tell_1')
    expect((await client.query(`SELECT id FROM ${schema}.waiting`)).rows).toEqual([{ id: pushed.id }])
  })
})

it('pushes that follow at once are told together, soon', async () => {
  const schema = newSchema()
  const backend = temporaryPostgres({ schema })
  await backend.open()
  await withClient(async (client) => {
    await client.query(`LISTEN "${schema}.available"`)
    const heard: pg.Notification[] = []
    client.on('notification', (notification) => heard.push(notification))
    const COUNT = 20
    await Promise.all(Array.from({ length: COUNT }, () => backend.queue.push([job()])))
    // Every push is told of: the last wake-up comes when all of them can be seen.
    while (heard.length < 2) await once(client, 'notification')
    expect(heard.length).toBeLessThan(COUNT)
    expect((await client.query(`SELECT count(*)::int AS count FROM ${schema}.waiting`)).rows).toEqual([{ count: COUNT }])
  })
})
