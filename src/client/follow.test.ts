// The shared poller: one read for all, never starved, silent when nobody waits, patient in an outage.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { memory } from '../backends/memory/index.js'
import type { WakeListener } from '../contract/backend.js'
import { KerjaError } from '../errors.js'
import { createConnection } from './connection.js'
import { createJobFollowing } from './follow.js'

const POLL_MS = 250
beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function harness() {
  const backend = memory()
  const reads: (readonly string[])[] = []
  const listeners = new Set<WakeListener>()
  let trouble: Error | null = null
  const connection = createConnection(async () => ({
    release: () => backend.close(),
    backend: {
      ...backend,
      queue: {
        ...backend.queue,
        listen: (listener) => {
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
      },
      ledger: {
        ...backend.ledger,
        get: async (ids) => {
          if (trouble !== null) throw trouble
          reads.push([...ids])
          return ids.map(() => null)
        },
      },
    },
  }))
  const following = createJobFollowing({ connection, pollMs: POLL_MS })
  const seen: string[] = []
  const follow = (id: string) =>
    following.follow(id, { onRecord: () => void seen.push(id), onError: (error) => void seen.push(`${id}: ${(error as KerjaError).code}`) })
  return {
    following,
    follow,
    seen,
    reads,
    listeners,
    hint: () => {
      for (const listener of listeners) listener.changed?.()
    },
    fail: (error: Error | null) => {
      trouble = error
    },
  }
}

const settle = () => vi.advanceTimersByTimeAsync(0)

describe('following', () => {
  it('reads newcomers at once and together, everybody at the poll and at hints', async () => {
    const { follow, reads, hint } = harness()
    follow('a')
    follow('b')
    await settle()
    follow('c')
    await settle()
    expect(reads).toEqual([['a', 'b'], ['c']])
    await vi.advanceTimersByTimeAsync(POLL_MS)
    expect(reads).toHaveLength(3)
    expect(reads.at(-1)).toEqual(['a', 'b', 'c'])
    hint()
    await vi.advanceTimersByTimeAsync(10)
    expect(reads).toHaveLength(4)
  })

  it('answers a storm of hints with a few reads, and is not starved by it or by newcomers', async () => {
    const { follow, reads, hint } = harness()
    follow('a')
    await settle()
    for (let ms = 0; ms < 1_000; ms++) {
      hint()
      if (ms % 10 === 0) follow(`n${ms}`)
      await vi.advanceTimersByTimeAsync(1)
    }
    const all = reads.filter((ids) => ids.includes('a'))
    expect(all.length).toBeGreaterThan(50)
    expect(all.length).toBeLessThan(260)
  })

  it('stops every timer and listener when nobody follows', async () => {
    const { follow, listeners } = harness()
    const stops = [follow('a'), follow('a'), follow('b')]
    await settle()
    expect(listeners.size).toBe(1)
    for (const stop of stops) stop()
    expect(listeners.size).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
    follow('c')
    await settle()
    expect(listeners.size).toBe(1)
  })

  it('waits an outage out, and ends at any other error', async () => {
    const { follow, seen, fail } = harness()
    follow('a')
    await settle()
    fail(new KerjaError('BACKEND_UNAVAILABLE', 'away'))
    await vi.advanceTimersByTimeAsync(2_000)
    expect(seen).toEqual(['a'])
    fail(null)
    await vi.advanceTimersByTimeAsync(POLL_MS)
    expect(seen).toEqual(['a', 'a'])
    fail(new KerjaError('STORE_CORRUPT', 'damaged'))
    await vi.advanceTimersByTimeAsync(POLL_MS)
    expect(seen).toEqual(['a', 'a', 'a: STORE_CORRUPT'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('ends when closed', async () => {
    const { follow, following, seen } = harness()
    follow('a')
    await settle()
    following.close()
    expect(seen).toEqual(['a', 'a: BACKEND_CLOSED'])
    expect(vi.getTimerCount()).toBe(0)
  })
})
