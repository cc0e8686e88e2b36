/** Jobs that run longer than a broker lets anybody hold a message: with a state the broker has let go of it long before. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pass } from 'node:timers/promises'
import { defineJob, type } from 'kerja/define'
import { rabbitmq } from 'kerja/rabbitmq'
import { sqs } from 'kerja/sqs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../sqlite/support.js'
import { startHostileSqs } from '../support/hostile-sqs.js'
import { type RabbitmqNode, startNode } from '../support/rabbitmq-server.js'
import { openStage } from '../support/stage.js'

const HOUR = 3_600_000
const ACKNOWLEDGE_MS = 1_000
const long = defineJob({ kind: 'test.long', payload: type<object>(), timeout: '1d' })
const stateIn = (folder: string): string => `sqlite:${join(folder, 'state.db')}`

describe('a long job', () => {
  let node: RabbitmqNode
  beforeAll(async () => {
    node = await startNode()
  })
  afterAll(() => node.destroy())

  it('on RabbitMQ runs once, beyond the time that the server waits for an acknowledgement', { timeout: 60_000 }, async () => {
    // The server waits half an hour otherwise, and looks once a minute.
    await node.control(
      'eval',
      `application:set_env(rabbit, consumer_timeout, ${ACKNOWLEDGE_MS}), application:set_env(rabbit, channel_tick_interval, 100).`,
    )
    const stage = openStage(rabbitmq({ url: node.url, prefix: `long-${randomUUID().slice(0, 8)}`, state: stateIn(temporaryFolder()) }))
    // The time is the server's, and nothing is to happen in it.
    await stage.work(long.handle(() => pass(4 * ACKNOWLEDGE_MS)))
    const job = await stage.run(long)
    expect(job).toMatchObject({ state: 'completed', attempt: 1 })
    expect(stage.seen('job.started')).toHaveLength(1)
    // The subscription was not ended meanwhile: the next comes by it.
    expect(stage.seen('worker.trouble')).toEqual([])
  })

  it('on SQS runs once, for thirteen hours, of which a message can be kept from others for twelve', async () => {
    const server = await startHostileSqs()
    onTestFinished(() => server.stop())
    const stage = openStage(sqs({ ...server.options, state: stateIn(temporaryFolder()) }))
    const { id } = await stage.kerja.enqueue(long, {})
    await stage.work(
      long.handle(async () => {
        // It was deleted at check-out, which may still be on its way.
        await server.when(() => (server.countOf('DeleteMessageBatch', 'DeleteMessage') > 0 ? true : undefined))
        server.advance(13 * HOUR)
      }),
    )
    expect(await stage.ended(id)).toMatchObject({ state: 'completed', attempt: 1 })
    expect([...server.queues.values()].reduce((sum, { messages }) => sum + messages.size, 0)).toBe(0)
    expect(stage.seen('job.started')).toHaveLength(1)
  })
})
