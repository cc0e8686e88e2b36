// The policies of the guide allow what is done, and nothing more.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { HostileSqs } from '../support/hostile-sqs.js'
import { hostile, message, messages, transportOf } from './support.js'

const guide = readFileSync(join(resolve(import.meta.dirname, '../..'), 'docs/guides/sqs.md'), 'utf8')

function allowedBy(policy: string): string[] {
  const [, text = ''] = new RegExp(`<!-- policy: ${policy} -->\n\`\`\`json\n([\\s\\S]*?)\`\`\``).exec(guide) ?? []
  const { Statement } = JSON.parse(text) as { readonly Statement: readonly { readonly Action: string | readonly string[] }[] }
  return Statement.flatMap(({ Action }) => Action)
}

/** What was asked, by the names of IAM: a batch is allowed by its single action. */
const usedOf = (server: HostileSqs): string[] => [...new Set(server.requests.map(({ action }) => `sqs:${action.replace(/Batch$/, '')}`))].sort()

describe('the policy', () => {
  it('of a process that enqueues has what it uses', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    await transport.open()
    expect(await transport.send([message(), message({ priority: 0 })])).toEqual([null, null])
    // Another one, for which the queues are there.
    const other = transportOf(server)
    await other.open()
    expect(await other.send([message()])).toEqual([null])
    expect(usedOf(server)).toEqual(allowedBy('enqueue').sort())
  })

  it('of a worker has what it uses', async () => {
    const server = await hostile()
    await transportOf(server).send([...messages(12), message({ priority: 0 })])
    const begun = server.requests.length
    const worker = transportOf(server)
    await worker.open()
    await new Promise<void>((resolve) => worker.watch(['mail', 'other'], resolve))
    const [first, ...rest] = await worker.receive('mail', 12)
    await worker.setAside(first as never, 'no job')
    await worker.acknowledge(rest)
    await worker.receive('mail', 1)
    await worker.depth('mail')
    // What it holds it gives back.
    await worker.close()
    expect(usedOf({ ...server, requests: server.requests.slice(begun) })).toEqual(allowedBy('work').sort())
  })

  it('without the right to create serves where somebody else creates', async () => {
    const server = await hostile()
    await transportOf(server).send(messages(3))
    server.refuse('AccessDenied', ['CreateQueue'])
    const worker = transportOf(server, { create: false })
    expect(await worker.send([message()])).toEqual([null])
    await new Promise<void>((resolve) => worker.watch(['mail'], resolve))
    expect(await worker.receive('mail', 4)).toHaveLength(4)
  })
})
