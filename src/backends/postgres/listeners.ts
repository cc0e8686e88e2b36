/**
 * Wake-ups: who in this process wants to hear of new work and of changes, and how other processes are told and heard.
 *
 * The ear is a connection of its own. States: deaf (nobody here listens) → connecting → proving (it has LISTENed, and a NOTIFY sent by another
 * connection must arrive: behind a pooler that lends sessions out it does not) → hearing → connecting when it is lost. An ear that does not
 * hear itself is tried again after a long time; polling bounds what is missed meanwhile. A crash leaves nothing behind.
 */
import { randomUUID } from 'node:crypto'
import type { WakeListener } from '../../contract/backend.js'
import { backoffMs } from '../../core/backoff.js'
import { channelOf } from './channels.js'
import { type Connection, openConnection } from './connection.js'
import { locationOf, type Notices, quoteIdentifier, type StoreConfig } from './options.js'
import type { Pool } from './pool.js'

export type WakeKind = 'available' | 'changed'

export interface Listeners {
  /** Returns the way to stop. */
  add(listener: WakeListener): () => void
  /** Something was committed: listeners here are called at once, other processes are told soon. */
  wake(kind: WakeKind): void
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

const KINDS: readonly WakeKind[] = ['available', 'changed']
const RECONNECT = Object.freeze({ firstMs: 100, factor: 2, maxMs: 5_000, jitter: 'full' } as const)
/** From a NOTIFY to its arrival. */
const PROOF_MS_MAX = 2_000
/** A socket whose other end vanished says nothing: the ear is tested this often. */
const PROOF_EVERY_MS = 15_000
const DEAF_PAUSE_MS = 60_000

export function createListeners(options: ListenersOptions): Listeners {
  const { config, pool } = options
  const listeners = new Set<WakeListener>()
  const voice = createVoice(config, pool)
  const ear = createEar(options, { wanted: () => KINDS.filter((kind) => [...listeners].some((each) => each[kind] !== undefined)), heard: call })

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
    wake(kind) {
      call(kind)
      voice.say(kind)
    },
    wakeHere() {
      for (const kind of KINDS) call(kind)
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

  return {
    say(kind: WakeKind): void {
      if (closed || timers[kind] !== undefined) return
      const waitMs = saidAt[kind] + SAY_EVERY_MS[kind] - performance.now()
      if (waitMs <= 0) send(kind)
      else timers[kind] = setTimeout(send, waitMs, kind)
    },
    close(): void {
      closed = true
      for (const timer of Object.values(timers)) clearTimeout(timer)
    },
  }
}

interface EarHooks {
  readonly wanted: () => readonly WakeKind[]
  readonly heard: (kind: WakeKind) => void
}

function createEar({ config, pool, notices, random }: ListenersOptions, { wanted, heard }: EarHooks) {
  let connection: Connection | undefined
  let opening = false
  let closed = false
  let failureCount = 0
  let timer: NodeJS.Timeout | undefined
  let tail: Promise<unknown> = Promise.resolve()
  let proof: { readonly channel: string; arrived: () => void } | undefined
  const listening = new Set<WakeKind>()
  const kindOf = new Map(KINDS.map((kind) => [channelOf(config.schema, kind), kind]))

  /** One statement at a time: the library takes no second one while the first is out. */
  function ask(own: Connection, text: string): Promise<unknown> {
    const asked = tail.then(() => own.query(text))
    tail = asked.catch(() => undefined)
    return asked
  }

  function onNotification(channel: string, pid: number): void {
    if (channel === proof?.channel) return proof.arrived()
    const kind = kindOf.get(channel)
    // What this process said itself was told here already.
    if (kind !== undefined && !pool.owns(pid)) heard(kind)
  }

  /** Brings what is listened to in line with who listens. Cheap when it is. */
  function update(): void {
    if (closed || !config.listen) return
    if (connection === undefined || connection.lost) return wanted().length > 0 ? start() : undefined
    const missing = wanted().filter((kind) => !listening.has(kind))
    for (const kind of missing) {
      listening.add(kind)
      ask(connection, `LISTEN ${quoteIdentifier(channelOf(config.schema, kind))}`).catch(() => undefined)
    }
  }

  function start(): void {
    if (opening || timer !== undefined || closed) return
    opening = true
    void open().then((pauseMs) => {
      opening = false
      if (!closed) again(pauseMs)
    })
  }

  /** Returns the pause until the next look. Never rejects. */
  async function open(): Promise<number> {
    let opened: Connection | undefined
    try {
      opened = await openConnection(config)
      opened.unref()
      opened.onNotification = onNotification
      listening.clear()
      for (const kind of wanted()) {
        listening.add(kind)
        await ask(opened, `LISTEN ${quoteIdentifier(channelOf(config.schema, kind))}`)
      }
      if (!(await hears(opened))) {
        await silence(opened)
        notices?.warn('wake-ups of other processes do not arrive, as behind a pooler; polling instead', { location: locationOf(config) })
        return DEAF_PAUSE_MS
      }
      if (closed) await opened.close()
      adopt(opened)
      return PROOF_EVERY_MS
    } catch {
      await opened?.close()
      failureCount += 1
      return backoffMs(RECONNECT, failureCount, random)
    }
  }

  function adopt(opened: Connection): void {
    connection = opened
    failureCount = 0
    opened.onLost = () => {
      clearTimeout(timer)
      timer = undefined
      connection = undefined
      update()
    }
    // What was said while nobody heard.
    for (const kind of wanted()) heard(kind)
    update()
  }

  function again(pauseMs: number): void {
    timer = setTimeout(() => {
      timer = undefined
      if (connection === undefined || connection.lost) return update()
      void prove(connection)
    }, pauseMs)
    timer.unref()
  }

  async function prove(own: Connection): Promise<void> {
    const heardItself = await hears(own).catch(() => false)
    if (closed) return
    if (heardItself) again(PROOF_EVERY_MS)
    else own.abandon('a wake-up sent to itself did not arrive')
  }

  /** The NOTIFY must come by another connection: a pooler delivers to a session what it said itself. */
  async function hears(own: Connection): Promise<boolean> {
    const channel = `kerja.proof.${randomUUID()}`
    await ask(own, `LISTEN ${quoteIdentifier(channel)}`)
    let limit: NodeJS.Timeout | undefined
    const arrival = new Promise<boolean>((resolve) => {
      proof = { channel, arrived: () => resolve(true) }
      limit = setTimeout(() => resolve(false), PROOF_MS_MAX)
      limit.unref()
    })
    try {
      await pool.query('SELECT pg_notify($1, $2)', [channel, ''], 'read')
      return await arrival
    } finally {
      clearTimeout(limit)
      proof = undefined
      if (!own.lost) await ask(own, `UNLISTEN ${quoteIdentifier(channel)}`)
    }
  }

  return {
    update,
    async close(): Promise<void> {
      closed = true
      clearTimeout(timer)
      await connection?.close()
    },
  }
}

/** A session that goes back to a pooler must not go on listening. */
async function silence(connection: Connection): Promise<void> {
  if (!connection.lost) await connection.query('UNLISTEN *').catch(() => undefined)
  await connection.close()
}
