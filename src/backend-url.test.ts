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
])('%s', (url, address) => expect(parseBackendUrl(url, '/app')).toEqual(address))

it('names the option that was meant', () => {
  const refusal = expect.objectContaining({ code: 'OPTION_UNKNOWN', message: expect.stringContaining('Did you mean "lockTimeout"?') })
  expect(() => parseBackendUrl('sqlite:jobs.db?lockTimeoutMs=5', '/app')).toThrow(refusal)
})

it('keeps the password of a URL that cannot be read to itself', () => {
  const refusal = expect.objectContaining({ code: 'OPTION_INVALID', message: expect.not.stringContaining('s3cret') })
  expect(() => parseBackendUrl('postgres://app:s3cret#x@db:bad/app', '/app')).toThrow(refusal)
})
