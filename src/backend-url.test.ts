import { expect, it } from 'vitest'
import { parseBackendUrl } from './backend-url.js'

it.each([
  ['memory:', { scheme: 'memory', key: 'memory:' }],
  ['sqlite:jobs.db', { scheme: 'sqlite', key: 'sqlite:/app/jobs.db', options: { path: '/app/jobs.db' } }],
  ['sqlite:///abs/jobs.db?', { scheme: 'sqlite', key: 'sqlite:/abs/jobs.db', options: { path: '/abs/jobs.db' } }],
  [
    'sqlite:jobs.db?lockTimeout=500&synchronous=normal&allowUnsafeSqlite=true',
    {
      scheme: 'sqlite',
      key: 'sqlite:/app/jobs.db?lockTimeout=500&synchronous=normal&allowUnsafeSqlite=true',
      options: { path: '/app/jobs.db', lockTimeout: 500, synchronous: 'normal', allowUnsafeSqlite: true },
    },
  ],
  [
    'postgresql://app:s%40e@db:5433/app?sslmode=require&connections=6&schema=7',
    {
      scheme: 'postgres',
      key: 'postgres://app:s%40e@db:5433/app?sslmode=require&connections=6&schema=7',
      options: { url: 'postgres://app:s%40e@db:5433/app?sslmode=require', connections: 6, schema: '7' },
    },
  ],
  [
    'amqps://app:s%40e@mq:5671/jobs?prefetch=50&prefix=7',
    {
      scheme: 'rabbitmq',
      key: 'amqps://app:s%40e@mq:5671/jobs?prefetch=50&prefix=7',
      options: { url: 'amqps://app:s%40e@mq:5671/jobs', prefetch: 50, prefix: '7' },
    },
  ],
  ['amqp://mq', { scheme: 'rabbitmq', key: 'amqp://mq', options: { url: 'amqp://mq' } }],
  [
    'sqs://eu-west-1/shop?endpoint=http://127.0.0.1:4566&fifo=true',
    {
      scheme: 'sqs',
      key: 'sqs://eu-west-1/shop?endpoint=http%3A%2F%2F127.0.0.1%3A4566&fifo=true',
      options: { region: 'eu-west-1', prefix: 'shop', endpoint: 'http://127.0.0.1:4566', fifo: true },
    },
  ],
  ['sqs:', { scheme: 'sqs', key: 'sqs:', options: {} }],
])('%s', (url, address) => expect(parseBackendUrl(url, '/app')).toEqual(address))

it('names the option that was meant', () => {
  const refusal = expect.objectContaining({ code: 'OPTION_UNKNOWN', message: expect.stringContaining('Did you mean "lockTimeout"?') })
  expect(() => parseBackendUrl('sqlite:jobs.db?lockTimeoutMs=5', '/app')).toThrow(refusal)
})

it.each([
  ['amqp://app:s3cret@mq/jobs?heartbeat=5', 'OPTION_UNKNOWN'],
  ['sqs://eu-west-1/shop?region=eu-west-1', 'OPTION_UNKNOWN'],
  ['amqp://app:s3cret#x@mq:bad/jobs', 'OPTION_INVALID'],
  ['redis://app:s3cret@host/0', 'BACKEND_UNKNOWN'],
])('refuses %s', (url, code) => {
  const refusal = expect.objectContaining({ code, message: expect.not.stringContaining('s3cret') })
  expect(() => parseBackendUrl(url, '/app')).toThrow(refusal)
})

it('keeps the password of a URL that cannot be read to itself', () => {
  const refusal = expect.objectContaining({ code: 'OPTION_INVALID', message: expect.not.stringContaining('s3cret') })
  expect(() => parseBackendUrl('postgres://app:s3cret#x@db:bad/app', '/app')).toThrow(refusal)
})
