// A process that only sends ends by itself: an open connection does not keep it alive, a message that is being sent does.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { bodies, drain, newPlace } from '../support/rabbitmq.js'

it('ends when there is nothing left to do', async () => {
  const place = newPlace()
  const script = `
    import { rabbitmqTransport } from ${JSON.stringify(new URL('../../dist/backends/rabbitmq/index.js', import.meta.url).href)}
    const transport = rabbitmqTransport({ url: ${JSON.stringify(place.url)}, prefix: ${JSON.stringify(place.prefix)} })
    transport.watch(['default'], () => undefined)
    const answers = await transport.send([{ id: 'one', queue: 'default', priority: 2, group: null, body: 'sent' }])
    console.log(JSON.stringify(answers))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { timeout: 20_000 })
  expect(stdout.trim()).toBe('[null]')
  expect(bodies(await drain(place.transport()))).toEqual(['sent'])
})
