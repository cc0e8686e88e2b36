// A logger is the application's code: whatever it does, what is logged goes on.
import { describe, expect, it, vi } from 'vitest'
import { containLogger, createLogger, type Logger } from './logger.js'

/** A logger all of whose methods do this, contained, and the lines that went to stderr instead. */
function contained(act: (this: unknown) => unknown) {
  const lines: string[] = []
  const own = { debug: act, info: act, warn: act, error: act } as Logger
  const logger = containLogger(own, (line) => void lines.push(line))
  return { logger, own, lines: () => lines.map((line) => JSON.parse(line)) }
}

describe('a logger that is given', () => {
  it('is called as a method, with message and facts', () => {
    const info = vi.fn()
    const own = { ...createLogger('silent'), info }
    containLogger(own).info('started', { workerId: '1' })
    expect(info.mock.calls).toEqual([['started', { workerId: '1' }]])
    expect(info.mock.contexts).toEqual([own])
  })

  it('may throw: the line goes to stderr, and says why', () => {
    const { logger, lines } = contained(() => {
      throw new Error('no disk')
    })
    expect(() => logger.error('the store is away', { code: 'STORE_FULL' })).not.toThrow()
    expect(lines()).toMatchObject([{ level: 'error', message: 'kerja: the store is away', code: 'STORE_FULL', loggerError: 'no disk' }])
  })

  it('may be asynchronous and reject', async () => {
    const { logger, lines } = contained(async () => {
      throw new Error('no network')
    })
    logger.warn('slow')
    await new Promise((resolve) => setImmediate(resolve))
    expect(lines()).toMatchObject([{ level: 'warn', message: 'kerja: slow', loggerError: 'no network' }])
  })

  it('may throw what cannot be shown, with facts that cannot be written', () => {
    const { logger, lines } = contained(() => {
      throw Proxy.revocable({}, {}).proxy
    })
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    expect(() => logger.info('odd', { cycle, big: 1n })).not.toThrow()
    expect(lines()).toMatchObject([{ message: 'kerja: odd' }])
  })
})
