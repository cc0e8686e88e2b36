// A broker and its state, as code and the environment name them. Nothing here needs a server: what is wrong is said before one is asked.
import { Kerja } from 'kerja'
import { memory } from 'kerja/memory'
import { rabbitmq } from 'kerja/rabbitmq'
import { sqlite } from 'kerja/sqlite'
import { sqs } from 'kerja/sqs'
import { afterEach, describe, expect, it, vi } from 'vitest'

afterEach(() => vi.unstubAllEnvs())

const open = async (options: ConstructorParameters<typeof Kerja>[0]): Promise<unknown> => {
  const kerja = new Kerja({ logger: 'silent', ...options })
  return kerja.migrate({ plan: true }).finally(() => kerja.close())
}
const refused = (code: string, words: string) => expect.objectContaining({ code, message: expect.stringContaining(words) })

describe('a broker', () => {
  it('without a state is one by itself, which says what it lacks', () => {
    for (const backend of [rabbitmq({ url: 'amqp://app:s3cret@127.0.0.1/x' }), sqs({ region: 'eu-west-1' })]) {
      expect(backend.capabilities).toMatchObject({ clock: 'client', ledger: false, coordination: false, keys: false })
      expect(backend.location).not.toContain('s3cret')
    }
  })

  it('takes it from the environment', async () => {
    vi.stubEnv('KERJA_STATE_URL', 'sqs://eu-west-1/x')
    await expect(open({ backend: 'amqp://127.0.0.1/x' })).rejects.toEqual(refused('OPTION_INVALID', 'The state must be a SQL store'))
  })

  it.each([
    ['memory:', 'memory:'],
    ['amqp://app:s3cret@mq', 'amqp://***@mq'],
  ])('takes no %s for a state', async (state, shown) => {
    await expect(open({ backend: 'sqs://eu-west-1/x', state })).rejects.toEqual(refused('OPTION_INVALID', shown))
    expect(() => sqs({ state })).toThrow(refused('OPTION_INVALID', shown))
  })

  it('takes no backend for a state that keeps nothing, or is a broker itself', () => {
    const url = 'amqp://127.0.0.1'
    expect(() => rabbitmq({ url, state: memory() })).toThrow(refused('OPTION_INVALID', 'cannot be the state of a broker'))
    const other = rabbitmq({ url, state: sqlite('unused.db') })
    expect(() => rabbitmq({ url, state: other })).toThrow(refused('OPTION_INVALID', 'cannot be the state of a broker'))
  })

  it('says where both are, without secrets', () => {
    const backend = rabbitmq({ url: 'amqp://app:s3cret@mq:5673/jobs', state: 'postgres://app:s3cret@db/app' })
    expect([backend.name, backend.location]).toEqual(['rabbitmq', 'amqp://mq:5673/jobs with the state postgres://db/app'])
  })
})

it('a state for a backend that is no broker is refused', async () => {
  await expect(open({ backend: 'sqlite:unused.db', state: 'sqlite:other.db' })).rejects.toEqual(refused('OPTION_INVALID', 'Leave state out'))
  await expect(open({ backend: memory(), state: 'sqlite:other.db' })).rejects.toEqual(refused('OPTION_INVALID', 'Leave state out'))
})
