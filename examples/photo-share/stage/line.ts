/** The line between the application and a broker. The demo can cut it: then nobody answers at its end, as when the broker is stopped. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Line {
  /** The broker's URL by way of the line. */
  readonly url: string
  cut(): void
  mend(): Promise<void>
  close(): void
}

const AMQP_PORT = 5672

/** Null where the jobs wait in no broker, or its address cannot be replaced: an encrypted line knows its end by name. */
export async function layLine(given: string | undefined): Promise<Line | null> {
  const end = given === undefined ? null : endOf(given)
  if (given === undefined || end === null) return null
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(end)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.pipe(to)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const cut = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: by(given, port),
    cut,
    async mend() {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
    close: cut,
  }
}

interface End {
  readonly host: string
  readonly port: number
}

function endOf(given: string): End | null {
  const url = new URL(given)
  if (url.protocol === 'amqp:') return { host: url.hostname, port: Number(url.port || AMQP_PORT) }
  const endpoint = url.protocol === 'sqs:' ? url.searchParams.get('endpoint') : null
  const place = endpoint === null ? null : new URL(endpoint)
  return place?.protocol === 'http:' ? { host: place.hostname, port: Number(place.port || 80) } : null
}

function by(given: string, port: number): string {
  const url = new URL(given)
  if (url.protocol === 'sqs:') {
    const endpoint = new URL(url.searchParams.get('endpoint') as string)
    endpoint.host = `127.0.0.1:${port}`
    url.searchParams.set('endpoint', endpoint.href)
  } else url.host = `127.0.0.1:${port}`
  return url.href
}
