// Without a state a message that was handed out and not asked for goes back as it came: not as one that a process died of.
import { randomUUID } from 'node:crypto'
import { expect, it, onTestFinished, vi } from 'vitest'
import { openTransport } from '../../dist/backends/rabbitmq/lone-module.js'
import { message, rabbitmqUrl } from '../support/rabbitmq.js'
import { removeAlone } from '../support/rabbitmq-alone.js'

it('is received by another, with no delivery lost', async () => {
  const prefix = `test-${randomUUID().slice(0, 13)}`
  const open = () => openTransport({ url: rabbitmqUrl(), prefix }, { info: () => undefined, warn: () => undefined })
  const [busy, free] = [open(), open()]
  onTestFinished(async () => {
    await Promise.all([busy.close(), free.close()])
    await removeAlone(prefix, ['default'])
  })
  // It is ready for ten, and asks no more.
  expect(await busy.receive('default', 10, 2)).toEqual([])
  const { priority: _, ...rest } = message()
  expect(await free.send([{ ...rest, priority: 2, delayMs: 0 }])).toEqual([null])
  const received = await vi.waitFor(async () => {
    const some = await free.receive('default', 10, 2)
    expect(some).toHaveLength(1)
    return some
  }, 10_000)
  expect(received).toMatchObject([{ body: rest.body, lostCount: 0 }])
  await free.acknowledge(received)
})
