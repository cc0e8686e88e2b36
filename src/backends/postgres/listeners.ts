/** Wake-ups: who in this process wants to hear of new work and of changes, and how other processes are told. How they are heard is in ear.ts. */
import type { WakeListener } from '../../contract/backend.js'
import { channelOf, WAKE_KINDS, type WakeKind } from './channels.js'
import { createEar } from './ear.js'
import type { Notices, StoreConfig } from './options.js'
import type { Pool } from './pool.js'

export type { WakeKind } from './channels.js'

export interface Listeners {
  /** Returns the way to stop. */
  add(listener: WakeListener): () => void
  /** Something was committed: listeners here are called at once, other processes are told soon, unless they are `told` already. */
  wake(kind: WakeKind, told?: boolean): void
  /** Where a call may tell other processes itself, right after its commit; null when that is too soon after the last time. */
  takeTurn(kind: WakeKind): string | null
  /** Listeners here are called: something may have happened unheard. */
  wakeHere(): void
  close(): Promise<void>
}

export interface ListenersOptions {
  readonly config: StoreConfig
  readonly pool: Pool
  readonly notices: Notices | undefined
  readonly random: () => number
}

export function createListeners(options: ListenersOptions): Listeners {
  const { config, pool } = options
  const listeners = new Set<WakeListener>()
  const voice = createVoice(config, pool)
  const ear = createEar({
    ...options,
    wanted: () => WAKE_KINDS.filter((kind) => [...listeners].some((each) => each[kind] !== undefined)),
    heard: call,
  })

  function call(kind: WakeKind): void {
    for (const listener of listeners) {
      const listening = listener[kind]
      if (listening !== undefined) queueMicrotask(() => (listeners.has(listener) ? listening() : undefined))
    }
  }

  return {
    add(listener) {
      // A copy, so that one listener object given twice is two listeners, each stopped on its own.
      const own = { ...listener }
      listeners.add(own)
      ear.update()
      return () => {
        if (listeners.delete(own)) ear.update()
      }
    },
    wake(kind, told = false) {
      call(kind)
      if (!told) voice.say(kind)
    },
    takeTurn: voice.takeTurn,
    wakeHere() {
      for (const kind of WAKE_KINDS) call(kind)
    },
    async close() {
      listeners.clear()
      voice.close()
      await ear.close()
    },
  }
}

/** NOTIFY takes a lock of the whole server at its commit, so it is sent once for all that happened within a short time. */
const SAY_EVERY_MS: Readonly<Record<WakeKind, number>> = Object.freeze({ available: 2, changed: 10 })

function createVoice(config: StoreConfig, pool: Pool) {
  const saidAt: Record<WakeKind, number> = { available: -Infinity, changed: -Infinity }
  const timers: Partial<Record<WakeKind, NodeJS.Timeout>> = {}
  let closed = false

  function send(kind: WakeKind): void {
    delete timers[kind]
    saidAt[kind] = performance.now()
    // A hint that is lost is made up for by polling.
    pool.query('SELECT pg_notify($1, $2)', [channelOf(config.schema, kind), ''], 'read').catch(() => undefined)
  }

  const waitMsOf = (kind: WakeKind): number => saidAt[kind] + SAY_EVERY_MS[kind] - performance.now()

  return {
    takeTurn(kind: WakeKind): string | null {
      if (closed || timers[kind] !== undefined || waitMsOf(kind) > 0) return null
      saidAt[kind] = performance.now()
      return channelOf(config.schema, kind)
    },
    say(kind: WakeKind): void {
      if (closed || timers[kind] !== undefined) return
      const waitMs = waitMsOf(kind)
      if (waitMs <= 0) send(kind)
      else timers[kind] = setTimeout(send, waitMs, kind)
    },
    close(): void {
      closed = true
      // A process that ends soon after it enqueued must not leave workers asleep: said now, the pool still lets it out.
      for (const kind of WAKE_KINDS) {
        if (timers[kind] === undefined) continue
        clearTimeout(timers[kind])
        send(kind)
      }
    },
  }
}
