/** The visitors' browser: it sends requests and takes the time from the click to the last byte of the answer. */
import { Agent, type IncomingHttpHeaders, request as send } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
  readonly tookMs: number
}

export interface Client {
  get(path: string): Promise<Reply>
  post(path: string, body: object | Buffer, headers?: Readonly<Record<string, string>>): Promise<Reply>
  close(): void
}

const SOCKETS_MAX = 64

export function createClient(url: string): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX })

  function call(method: string, path: string, body: Buffer | null, headers: Readonly<Record<string, string>>): Promise<Reply> {
    const startedAt = performance.now()
    return new Promise((resolve, reject) => {
      const request = send(new URL(path, url), { method, agent, headers }, (response) => {
        const { statusCode = 0 } = response
        text(response).then(
          (content) => resolve({ status: statusCode, headers: response.headers, body: parse(content), tookMs: performance.now() - startedAt }),
          reject,
        )
      })
      request.on('error', reject)
      request.end(body ?? undefined)
    })
  }

  return {
    get: (path) => call('GET', path, null, {}),
    post: (path, body, headers = {}) => call('POST', path, Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)), headers),
    close: () => agent.destroy(),
  }
}

const parse = (content: string): unknown => (content === '' ? null : JSON.parse(content))
