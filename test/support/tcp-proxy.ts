/** A network between a client and a server that a test can break: cut, silent (packets vanish, sockets stay), refusing. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface TcpProxy {
  readonly port: number
  /** From now on nothing passes either way, and nothing says so. */
  silence(): void
  /** Sockets that are silent stay so; new ones pass. */
  heal(): void
  /** Ends all that is connected. */
  cut(): void
  /** New connections go there from now on. */
  lead(target: { readonly host: string; readonly port: number }): void
  /** Connections made so far. */
  readonly connectionCount: number
  close(): Promise<void>
}

/** `like: 'pooler'`: as a pooler of transactions shows itself, with keys of its own and no notifications. */
export async function startProxy(target: { readonly host: string; readonly port: number; readonly like?: 'pooler' }): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let goal: { readonly host: string; readonly port: number } = target
  let silent = false
  let connectionCount = 0
  const server = createServer((incoming) => {
    connectionCount += 1
    const outgoing = connect(goal)
    const pair = [incoming, outgoing] as const
    pairs.add(pair)
    for (const [from, to] of [pair, [outgoing, incoming] as const]) {
      const rewrite = target.like === 'pooler' && from === outgoing ? asPooler() : (chunk: Buffer) => chunk
      from.on('data', (chunk) => to.write(rewrite(chunk)))
      from.on('error', () => to.destroy())
      from.on('close', () => {
        // A silent network does not tell one end of the other's.
        if (!from.isPaused()) to.destroy()
        pairs.delete(pair)
      })
    }
    if (silent) for (const socket of pair) socket.pause()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { readonly port: number }).port,
    get connectionCount() {
      return connectionCount
    },
    silence() {
      silent = true
      for (const pair of pairs) for (const socket of pair) socket.pause()
    },
    heal() {
      silent = false
    },
    lead(next) {
      goal = next
    },
    cut() {
      for (const pair of pairs) for (const socket of pair) socket.destroy()
    },
    async close() {
      for (const pair of pairs) for (const socket of pair) socket.destroy()
      server.close()
    },
  }
}

const HEADER_BYTES = 5

/** The server's messages: a letter, a length that counts itself, a body. */
function asPooler(): (chunk: Buffer) => Buffer {
  let pending = Buffer.alloc(0)
  return (chunk) => {
    pending = Buffer.concat([pending, chunk])
    const passed: Buffer[] = []
    while (pending.length >= HEADER_BYTES && pending.length > pending.readInt32BE(1)) {
      const message = pending.subarray(0, pending.readInt32BE(1) + 1)
      pending = pending.subarray(message.length)
      const letter = String.fromCharCode(message[0] as number)
      if (letter === 'K') message.writeInt32BE(7, HEADER_BYTES)
      if (letter !== 'A') passed.push(message)
    }
    return Buffer.concat(passed)
  }
}
