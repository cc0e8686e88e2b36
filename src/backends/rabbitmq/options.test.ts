// What the transport can be told, and how wrong values are refused.
import { describe, expect, it } from 'vitest'
import { resolveOptions } from './options.js'

const url = 'amqp://app:s3cret@mq:5673/jobs'

describe('options of rabbitmq', () => {
  it('are completed', () => {
    expect(resolveOptions({ url })).toMatchObject({
      server: { protocol: 'amqp', hostname: 'mq', port: 5673, username: 'app', password: 's3cret', vhost: 'jobs' },
      prefix: 'main',
      prefetch: 300,
      callTimeoutMs: 10_000,
      location: 'amqp://mq:5673/jobs',
    })
  })

  it('take a URL apart as RabbitMQ means it', () => {
    expect(resolveOptions({ url: 'amqp://localhost' }).server).toMatchObject({ port: 5672, username: 'guest', password: 'guest', vhost: '/' })
    expect(resolveOptions({ url: 'amqps://[::1]/%2F' }).server).toMatchObject({ protocol: 'amqps', hostname: '::1', port: 5671, vhost: '/' })
    expect(resolveOptions({ url: 'amqp://a%40b:p%2Fw%23@mq/a%2Fb' }).server).toMatchObject({ username: 'a@b', password: 'p/w#', vhost: 'a/b' })
  })

  it.each([
    [{ url: 'http://mq' }, 'url'],
    [{ url: 'amqp://app:s3cret@mq/%zz' }, 'url'],
    [{ url: `${url}?heartbeat=30` }, 'url'],
    [{ url: 5 }, 'url'],
    [{ url, prefix: 'a.b' }, 'prefix'],
    [{ url, prefix: '' }, 'prefix'],
    [{ url, prefetch: 0 }, 'prefetch'],
    [{ url, prefetch: 2_001 }, 'prefetch'],
    [{ url, callTimeout: 10 }, 'callTimeout'],
    [{ url, tls: 'yes' }, 'tls'],
  ])('refuses %j', (given, option) => {
    const refuse = (): unknown => resolveOptions(given as never)
    expect(refuse).toThrow(expect.objectContaining({ code: 'OPTION_INVALID', details: expect.objectContaining({ option }) }))
    expect(refuse).not.toThrow(/s3cret/)
  })

  it('names the option that was meant', () => {
    expect(() => resolveOptions({ url, prefetsh: 5 } as never)).toThrow(/Did you mean "?prefetch/)
  })
})
