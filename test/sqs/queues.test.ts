// Queues that are made, that are missing, that are deleted while all runs; and who may do what.
import { describe, expect, it } from 'vitest'
import { hostile, message, messages, transportOf } from './support.js'

describe('creation', () => {
  it('sets every attribute that matters', async () => {
    const server = await hostile()
    await transportOf(server).send([message()])
    expect(server.queues.get('test-mail-normal')?.parts.attributes).toEqual({
      DelaySeconds: '0',
      MessageRetentionPeriod: '1209600',
      ReceiveMessageWaitTimeSeconds: '0',
      VisibilityTimeout: '30',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:test-mail-dead', maxReceiveCount: 1_000 }),
    })
    expect(server.queues.get('test-mail-dead')?.parts.attributes).toMatchObject({ MessageRetentionPeriod: '1209600' })
  })

  it('happens once, however many send at once', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    await Promise.all(Array.from({ length: 20 }, () => transport.send([message()])))
    expect(server.countOf('CreateQueue')).toBe(2)
  })

  it('by two processes with different attributes: the queue serves as it is', async () => {
    const server = await hostile()
    const [one, other] = [transportOf(server), transportOf(server, { visibilityTimeout: '60s' })]
    expect((await Promise.all([one.send([message()]), other.send([message()])])).flat()).toEqual([null, null])
    expect(await one.receive('mail', 2)).toHaveLength(2)
  })

  it('is left to others with create: false', async () => {
    const server = await hostile()
    const transport = transportOf(server, { create: false })
    const [answer] = await transport.send([message()])
    expect(answer).toMatchObject({ code: 'BACKEND_UNAVAILABLE', details: { fault: 'no-queue' } })
    expect(answer?.message).toContain('test-mail-normal')
    expect(await transport.receive('mail', 1)).toEqual([])
    expect(server.countOf('CreateQueue')).toBe(0)
    await transportOf(server).send([message()])
    expect(await transport.send([message()])).toEqual([null])
  })

  it('of a queue that keeps messages for too short a time is not ours: it is said once', async () => {
    const server = await hostile()
    await transportOf(server).send([message()])
    Object.assign(server.queues.get('test-mail-normal')?.parts.attributes as Record<string, string>, { MessageRetentionPeriod: '345600' })
    const warnings: string[] = []
    const transport = transportOf(server, { logger: { warn: (text) => void warnings.push(text) } })
    await transport.send([message()])
    await transport.send([message()])
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('345600 s')
  })
})

describe('a queue that is deleted', () => {
  it('is an empty one for receivers, and is made again by senders once SQS allows it', async () => {
    const server = await hostile()
    const transport = transportOf(server, { callTimeout: '1s' })
    await transport.send(messages(2))
    server.deleteQueue('test-mail-normal')
    expect(await transport.receive('mail', 1)).toEqual([])
    expect(await transport.depth('mail')).toBe(0)
    const [answer] = await transport.send([message()])
    expect(answer).toMatchObject({ code: 'BACKEND_UNAVAILABLE', details: { fault: 'deleted-recently' } })
    expect(answer?.message).toContain('60 seconds')
    server.advance(60_000)
    expect(await transport.send([message()])).toEqual([null])
    expect(await transport.receive('mail', 1)).toHaveLength(1)
  })

  it('and is not seen yet after it was created: the send waits for it', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    server.script('SendMessageBatch', { code: 'QueueDoesNotExist' })
    expect(await transport.send([message()])).toEqual([null])
  })

  it('ends its long poll, and is found again when it is back', async () => {
    const server = await hostile()
    const [producer, worker] = [transportOf(server), transportOf(server)]
    await producer.send([message()])
    await producer.acknowledge(await producer.receive('mail', 1))
    worker.watch(['mail'], () => undefined)
    await server.when(() => server.requests.find(({ input }) => input.WaitTimeSeconds === 20))
    server.deleteQueue('test-mail-normal')
    server.advance(60_000)
    await producer.send([message()])
    // By itself it looks every 20 seconds; whoever begins to watch a queue that is not known looks at once.
    await new Promise<void>((resolve) => worker.watch(['mail'], resolve))
    expect(await worker.receive('mail', 1)).toHaveLength(1)
  })
})

describe('rights and credentials', () => {
  it.each(['ExpiredToken', 'InvalidClientTokenId', 'SignatureDoesNotMatch', 'AccessDenied', 'UnrecognizedClientException'])(
    '%s is STORE_DENIED with the remedy, and heals by itself',
    async (code) => {
      const server = await hostile()
      const transport = transportOf(server)
      await transport.send([message()])
      server.refuse(code)
      const [answer] = await transport.send([message()])
      expect(answer).toMatchObject({ code: 'STORE_DENIED' })
      expect(answer?.message).toContain(code)
      expect(answer?.message).toContain('docs/guides/sqs.md')
      await expect(transport.receive('mail', 1)).rejects.toMatchObject({ code: 'STORE_DENIED' })
      await expect(transport.depth('mail')).rejects.toMatchObject({ code: 'STORE_DENIED' })
      server.refuse(null)
      expect(await transport.send([message()])).toEqual([null])
      expect(await transport.receive('mail', 2)).toHaveLength(2)
    },
  )

  it('that are missing for one action are named', async () => {
    const server = await hostile()
    server.refuse('AccessDenied', ['CreateQueue'])
    const [answer] = await transportOf(server).send([message()])
    expect(answer?.message).toContain('CreateQueue of test-mail-dead')
  })

  it('come from a provider, which is asked again when they are about to end', async () => {
    const server = await hostile()
    let askedCount = 0
    const credentials = async () => {
      askedCount++
      return { accessKeyId: 'a', secretAccessKey: 'b', expiration: new Date(Date.now() + 1_000) }
    }
    const transport = transportOf(server, { credentials })
    await transport.open()
    expect(await transport.send([message()])).toEqual([null])
    expect(askedCount).toBeGreaterThan(1)
  })

  it('that cannot be had are STORE_DENIED', async () => {
    const server = await hostile()
    const credentials = async () => {
      throw Object.assign(new Error('Could not load credentials from any providers'), { name: 'CredentialsProviderError' })
    }
    await expect(transportOf(server, { credentials }).open()).rejects.toMatchObject({ code: 'STORE_DENIED' })
  })
})
