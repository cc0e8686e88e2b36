// What a transport can be told.
import { describe, expect, it } from 'vitest'
import { sqsTransport } from '../../dist/backends/sqs/index.js'

const errorOf = (options: unknown): unknown => {
  try {
    sqsTransport(options as never)
  } catch (error) {
    return error
  }
  return undefined
}

describe('options', () => {
  it('unknown ones are refused with the one that was meant', () => {
    expect(errorOf({ regoin: 'eu-west-1' })).toMatchObject({ code: 'OPTION_UNKNOWN', details: { suggestion: 'region' } })
  })

  it.each([
    ['region', 'EU West'],
    ['prefix', 'my-app'],
    ['prefix', ''],
    ['endpoint', 'localhost:4566'],
    ['endpoint', 'sqs.eu-west-1.amazonaws.com'],
    ['credentials', 'key'],
    ['create', 'no'],
    ['fifo', 1],
    ['visibilityTimeout', '1s'],
    ['visibilityTimeout', '13h'],
    ['callTimeout', 10],
    ['logger', {}],
  ])('%s: %j is refused', (option, value) => {
    const error = errorOf({ [option]: value }) as Error
    expect(error).toMatchObject({ code: 'OPTION_INVALID' })
    expect(error.message).toContain(option)
  })

  it('credentials are never shown', () => {
    const error = errorOf({ credentials: 'AKIA-secret' }) as Error
    expect(error.message).not.toContain('AKIA')
    const transport = sqsTransport({
      region: 'eu-west-1',
      endpoint: 'http://user:secret@127.0.0.1:1/',
      credentials: { accessKeyId: 'a', secretAccessKey: 'secret' },
    })
    expect(transport.location).toBe('sqs://eu-west-1/kerja at http://127.0.0.1:1')
  })

  it('no region anywhere is said with the ways to name one', async () => {
    const left = { AWS_REGION: process.env.AWS_REGION, AWS_CONFIG_FILE: process.env.AWS_CONFIG_FILE }
    delete process.env.AWS_REGION
    process.env.AWS_CONFIG_FILE = '/nowhere'
    try {
      await expect(sqsTransport().open()).rejects.toMatchObject({ code: 'OPTION_INVALID', details: { option: 'region' } })
    } finally {
      for (const [name, value] of Object.entries(left))
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
    }
  })
})
