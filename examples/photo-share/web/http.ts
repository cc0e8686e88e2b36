/** As much of a web framework as this application needs: routes with parameters, bodies with a limit, errors with a status. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

export interface Call {
  readonly params: Readonly<Record<string, string>>
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Text and bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown
}

export type Route = (call: Call) => Answer | Promise<Answer>
/** `'POST /albums/:albumId/photos'` → what answers it. */
export type Routes = Readonly<Record<string, Route>>

export class HttpError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.name = 'HttpError'
    this.status = status
  }
}

const BODY_BYTES_MAX = 20 * 1024 * 1024

export function createWebServer(routes: Routes): Server {
  const table = Object.entries(routes).map(([name, route]) => ({ ...compile(name), route }))

  async function answer(request: IncomingMessage): Promise<Answer> {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    for (const { method, pattern, route } of table) {
      const found = method === request.method ? pattern.exec(path) : null
      if (found !== null) return route({ params: { ...found.groups }, headers: request.headers, body: await readBody(request) })
    }
    throw new HttpError(404, `There is no ${request.method} ${path}.`)
  }

  return createServer((request, response) => {
    answer(request).then(
      (ready) => send(response, ready),
      (error: Error) => {
        const status = error instanceof HttpError ? error.status : 500
        if (status >= 500) console.error(error)
        send(response, { status, body: { error: error.message } })
      },
    )
  })
}

export const readJson = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw new HttpError(400, `The body is not JSON: ${(error as Error).message}`)
  }
}

function compile(name: string): { readonly method: string; readonly pattern: RegExp } {
  const [method = '', path = ''] = name.split(' ')
  return { method, pattern: new RegExp(`^${path.replaceAll(/:(\w+)/g, '(?<$1>[\\w.-]+)')}$`) }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new HttpError(413, `A body may have ${BODY_BYTES_MAX} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function send(response: ServerResponse, { status, headers = {}, body }: Answer): void {
  const plain = typeof body === 'string' || Buffer.isBuffer(body)
  response.writeHead(status, { ...(plain ? {} : { 'content-type': 'application/json' }), ...headers })
  response.end(plain ? body : JSON.stringify(body ?? {}))
}
