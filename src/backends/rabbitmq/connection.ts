/**
 * One connection to the broker, from its opening to its loss.
 *
 * A connection on which nothing at all arrives is dead although the socket stands: the broker beats every half heartbeat when it has nothing else
 * to say. That is noticed here, sooner than by the library (which waits for two heartbeats), and without mistaking our own busy event loop for
 * silence: looks that a blocked loop delayed count once.
 */
import type { Socket } from 'node:net'
import { type Channel, type ChannelModel, type ConfirmChannel, loadAmqplib } from './driver.js'
import { connectFaultOf, unavailable } from './faults.js'
import type { TransportConfig } from './options.js'
import { atMost, within } from './within.js'

export interface Connection {
  channel(): Promise<Channel>
  confirmChannel(): Promise<ConfirmChannel>
  /** Why the broker takes no messages now (an alarm of memory or disk); null while it does. */
  readonly blocked: string | null
  readonly lost: boolean
  /** Set by whoever holds it. Called once, unless it is lost already. */
  onLost: (error: unknown) => void
  /** Ends although the broker is gone. */
  close(): Promise<void>
}

/** RabbitMQ calls less than 5 s likely to give false alarms. A beat comes every half of it. */
const HEARTBEAT_SECONDS = 8
const LOOK_MS = 1_000
/** Half a heartbeat, and two looks of grace. */
const SILENT_LOOKS_MAX = HEARTBEAT_SECONDS / 2 + 2
const CLOSE_MS_MAX = 2_000

/** @throws {BACKEND_UNAVAILABLE} {DRIVER_MISSING} */
export async function openConnection(config: TransportConfig, purpose: string): Promise<Connection> {
  const { server, callTimeoutMs, tls, location } = config
  const amqplib = await loadAmqplib()
  const opening = amqplib.connect(
    { ...server, heartbeat: HEARTBEAT_SECONDS },
    { ...tls, noDelay: true, timeout: callTimeoutMs, clientProperties: { connection_name: `kerja ${config.prefix} ${purpose}` } },
  )
  const late = (model: ChannelModel): void => void createConnection(model, config).close()
  try {
    const model = await within(opening, callTimeoutMs, () => new Error(`no answer within ${callTimeoutMs} ms`), late)
    return createConnection(model, config)
  } catch (error) {
    throw connectFaultOf(error, location)
  }
}

/** What the library does not show: its socket, which alone knows whether anything came, and its timers. */
interface Internals {
  readonly stream: Socket
  readonly heartbeater?: { readonly sendTimer?: NodeJS.Timeout; readonly recvTimer?: NodeJS.Timeout } | null
}

function createConnection(model: ChannelModel, { location, logger }: TransportConfig): Connection {
  const { stream, heartbeater } = model.connection as unknown as Internals
  let lastError: unknown
  let silentLooks = 0
  let bytesSeen = stream.bytesRead
  // An idle connection keeps no process alive; calls do, by their deadlines.
  for (const handle of [stream, heartbeater?.sendTimer, heartbeater?.recvTimer]) handle?.unref()

  const look = setInterval(() => {
    silentLooks = stream.bytesRead === bytesSeen ? silentLooks + 1 : 0
    bytesSeen = stream.bytesRead
    if (silentLooks >= SILENT_LOOKS_MAX)
      stream.destroy(unavailable(location, `has said nothing for ${(silentLooks * LOOK_MS) / 1_000} s: the connection is dead.`))
  }, LOOK_MS)
  look.unref()

  const connection = {
    lost: false,
    blocked: null as string | null,
    onLost: (_error: unknown): void => undefined,
    channel: () => model.createChannel().then(quiet),
    confirmChannel: () => model.createConfirmChannel().then(quiet),
    async close() {
      if (!connection.lost) await atMost(model.close(), CLOSE_MS_MAX)
      stream.destroy()
    },
  }
  const end = (error: unknown): void => {
    if (connection.lost) return
    connection.lost = true
    clearInterval(look)
    stream.destroy()
    connection.onLost(error ?? lastError)
  }
  model.on('error', (error) => {
    lastError = error
  })
  model.on('close', end)
  // The library's word may have come before anybody listened.
  stream.once('close', () => end(lastError))
  model.on('blocked', (reason) => {
    connection.blocked = reason
    logger.warn('RabbitMQ takes no messages for now', { location, reason })
  })
  model.on('unblocked', () => {
    connection.blocked = null
    logger.info('RabbitMQ takes messages again', { location })
  })
  return connection
}

/** Whoever uses the channel learns of its end by its `close` and by failing calls; an `error` that nobody hears would end the process. */
function quiet<C extends Channel>(channel: C): C {
  channel.on('error', () => undefined)
  return channel
}
