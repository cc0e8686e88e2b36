import { expect, it } from 'vitest'
import { createEventHub } from './events.js'

it('contains listeners that throw or reject, and calls the others', async () => {
  const said: string[] = []
  const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: (message: string) => void said.push(message) }
  const hub = createEventHub(logger)
  const heard: string[] = []
  hub.on('worker.started', () => {
    throw new Error('thrown')
  })
  hub.on('worker.started', async () => {
    throw new Error('rejected')
  })
  const stop = hub.on('worker.started', ({ workerId }) => void heard.push(workerId))
  hub.emit('worker.started', { workerId: 'w' })
  await Promise.resolve()
  stop()
  hub.emit('worker.started', { workerId: 'later' })
  await Promise.resolve()
  expect(heard).toEqual(['w'])
  expect(said).toHaveLength(4)
})
