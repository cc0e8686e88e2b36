/**
 * Hears the wake-ups of other processes, on a connection of its own.
 *
 * States: deaf (nobody here listens) → connecting → proving (it has LISTENed, and a NOTIFY sent by another connection must arrive: behind a pooler
 * that lends sessions out it does not) → hearing, proven again from time to time → connecting when it is lost. An ear that does not hear itself
 * is tried again after a long pause; polling bounds what is missed meanwhile. A crash leaves nothing behind.
 */
import { randomUUID } from 'node:crypto'
import { backoffMs } from '../../core/backoff.js'
import { channelOf, WAKE_KINDS, type WakeKind } from './channels.js'
import { type Connection, openConnection } from './connection.js'
import { locationOf, type Notices, quoteIdentifier, type StoreConfig } from './options.js'
import type { Pool } from './pool.js'

export interface Ear {
  /** Brings what is listened to in line with who listens. Cheap when it is. */
  update(): void
  close(): Promise<void>
}

export interface EarOptions {
  readonly config: StoreConfig
  readonly pool: Pool
  readonly notices: Notices | undefined
  readonly random: () => number
  readonly wanted: () => readonly WakeKind[]
  readonly heard: (kind: WakeKind) => void
}

const RECONNECT = Object.freeze({ firstMs: 100, factor: 2, maxMs: 5_000, jitter: 'full' } as const)
/** A socket whose other end vanished says nothing: the ear is tested this often. */
const PROOF_EVERY_MS = 15_000
/** From a NOTIFY to its arrival. */
const PROOF_MS_MAX = 2_000
const DEAF_PAUSE_MS = 60_000

export function createEar(options: EarOptions): Ear {
  const { config, wanted, heard } = options
  const line = createLine(options)
  let opening = false
  let closed = false
  let timer: NodeJS.Timeout | undefined

  function update(): void {
    if (closed || !config.listen) return
    if (line.isOpen()) line.listen(wanted())
    else if (wanted().length > 0 && !opening && timer === undefined) void open()
  }

  async function open(): Promise<void> {
    opening = true
    const pauseMs = await line.open(wanted(), onLost)
    opening = false
    if (closed) return
    // What was said while nobody heard.
    if (line.isOpen()) for (const kind of wanted()) heard(kind)
    lookAgain(pauseMs)
    if (line.isOpen()) update()
  }

  function onLost(): void {
    clearTimeout(timer)
    timer = undefined
    update()
  }

  function lookAgain(pauseMs: number): void {
    clearTimeout(timer)
    timer = setTimeout(async () => {
      timer = undefined
      if (!line.isOpen()) update()
      else if ((await line.prove()) && !closed) lookAgain(PROOF_EVERY_MS)
    }, pauseMs)
    timer.unref()
  }

  return {
    update,
    async close() {
      closed = true
      clearTimeout(timer)
      await line.close()
    },
  }
}

/** One statement at a time: the library takes no second one while the first is out. */
function createAsk(): (own: Connection, text: string) => Promise<unknown> {
  let tail: Promise<unknown> = Promise.resolve()
  return (own, text) => {
    const asked = tail.then(() => own.query(text))
    tail = asked.catch(() => undefined)
    return asked
  }
}

/** The connection, and what is said on it. */
function createLine({ config, pool, notices, random, heard }: EarOptions) {
  const kindOf = new Map(WAKE_KINDS.map((kind) => [channelOf(config.schema, kind), kind]))
  const listening = new Set<WakeKind>()
  let connection: Connection | undefined
  let closed = false
  let failureCount = 0
  let isToldDeaf = false
  const ask = createAsk()
  let proof: { readonly channel: string; readonly arrived: () => void } | undefined

  const listenTo = (own: Connection, channel: string): Promise<unknown> => ask(own, `LISTEN ${quoteIdentifier(channel)}`)

  function onNotification(channel: string, pid: number): void {
    const kind = kindOf.get(channel)
    if (channel === proof?.channel) proof.arrived()
    // What this process said itself was told here already.
    else if (kind !== undefined && !pool.owns(pid)) heard(kind)
  }

  /** The NOTIFY must come by another connection: a pooler delivers to a session what it said itself. */
  async function hears(own: Connection): Promise<boolean> {
    const channel = `kerja.proof.${randomUUID()}`
    await listenTo(own, channel)
    let limit: NodeJS.Timeout | undefined
    const arrival = new Promise<boolean>((resolve) => {
      proof = { channel, arrived: () => resolve(true) }
      limit = setTimeout(() => resolve(false), PROOF_MS_MAX)
    })
    limit?.unref()
    try {
      await pool.query('SELECT pg_notify($1, $2)', [channel, ''], 'read')
      return await arrival
    } finally {
      clearTimeout(limit)
      proof = undefined
      if (!own.lost) await ask(own, `UNLISTEN ${quoteIdentifier(channel)}`)
    }
  }

  async function attempt(own: Connection, kinds: readonly WakeKind[]): Promise<boolean> {
    own.unref()
    own.onNotification = onNotification
    listening.clear()
    for (const kind of kinds) {
      listening.add(kind)
      await listenTo(own, channelOf(config.schema, kind))
    }
    if (await hears(own)) return true
    // A session that goes back to a pooler must not go on listening.
    await ask(own, 'UNLISTEN *')
    if (!isToldDeaf) notices?.warn('wake-ups of other processes do not arrive, as behind a pooler; polling instead', { location: locationOf(config) })
    isToldDeaf = true
    return false
  }

  return {
    isOpen: () => connection !== undefined && !connection.lost,
    listen(kinds: readonly WakeKind[]): void {
      for (const kind of kinds.filter((each) => !listening.has(each))) {
        listening.add(kind)
        // A connection that fails it is lost, and the next one begins with all kinds.
        if (connection !== undefined) listenTo(connection, channelOf(config.schema, kind)).catch(() => undefined)
      }
    },
    /** Returns the pause until the next look. Never rejects. */
    async open(kinds: readonly WakeKind[], onLost: () => void): Promise<number> {
      let own: Connection | undefined
      try {
        own = await openConnection(config)
        const isProven = await attempt(own, kinds)
        if (own.lost) throw new Error('lost while it was proven')
        if (!isProven || closed) {
          await own.close()
          return DEAF_PAUSE_MS
        }
        own.onLost = onLost
        connection = own
        failureCount = 0
        return PROOF_EVERY_MS
      } catch {
        // The store is away: it is tried again, and polling goes on meanwhile.
        await own?.close()
        failureCount += 1
        return backoffMs(RECONNECT, failureCount, random)
      }
    },
    /** Whether it still hears; one that does not is given up, which calls `onLost`. */
    async prove(): Promise<boolean> {
      const own = connection
      if (own === undefined) return false
      const isProven = await hears(own).catch(() => false)
      if (!isProven) own.abandon('a wake-up sent to itself did not arrive')
      return isProven
    },
    async close(): Promise<void> {
      closed = true
      await connection?.close()
    },
  }
}
