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
  /** Connections made so far. */
  readonly connectionCount: number
  close(): Promise<void>
}

export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let silent = false
  let connectionCount = 0
  const server = createServer((incoming) => {
    connectionCount += 1
    const outgoing = connect(target)
    const pair = [incoming, outgoing] as const
    pairs.add(pair)
    for (const [from, to] of [pair, [outgoing, incoming] as const]) {
      from.on('data', (chunk) => to.write(chunk))
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
    cut() {
      for (const pair of pairs) for (const socket of pair) socket.destroy()
    },
    async close() {
      for (const pair of pairs) for (const socket of pair) socket.destroy()
      server.close()
    },
  }
}
