/**
 * A push service on loopback, as the browser makers run them. It checks that the sender is the one whose key the subscription names (VAPID,
 * RFC 8292), answers 410 for a device that is gone, and hands the sealed message to its device, which opens it.
 */
import { createPublicKey, randomUUID, verify } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { createDevice, type Device, type PushMessage, type PushSubscription } from './device.js'

export interface PushService {
  subscribe(): PushSubscription
  /** The person throws the phone away. */
  forget(subscription: PushSubscription): void
  /** What each phone shows, by endpoint: one notification per tag. */
  readonly shown: ReadonlyMap<string, ReadonlyMap<string, PushMessage>>
  received(): number
  refused(): number
  close(): Promise<void>
}

export async function startPushService(vapidPublicKey: string): Promise<PushService> {
  const devices = new Map<string, Device>()
  const shown = new Map<string, Map<string, PushMessage>>()
  let received = 0
  let refused = 0
  let origin = ''

  /** The status to answer with. */
  async function deliver(request: IncomingMessage): Promise<number> {
    const endpoint = `${origin}${request.url}`
    const body = await buffer(request)
    const device = devices.get(endpoint)
    if (device === undefined) return 410
    if (!isFromSender(request.headers, origin, vapidPublicKey) || request.headers['content-encoding'] !== 'aes128gcm') return 403
    if (Number.isNaN(Number.parseInt(request.headers.ttl as string, 10))) return 400
    const message = device.decrypt(body)
    received += 1
    shown.set(endpoint, (shown.get(endpoint) ?? new Map()).set(message.tag, message))
    return 201
  }

  const server = createServer((request, response: ServerResponse) => {
    deliver(request).then(
      (status) => {
        if (status !== 201) refused += 1
        response.writeHead(status).end()
      },
      // A message that does not decrypt is the sender's mistake.
      () => response.writeHead(400).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    subscribe: () => {
      const device = createDevice(`${origin}/push/${randomUUID()}`)
      devices.set(device.subscription.endpoint, device)
      return device.subscription
    },
    forget: (subscription) => void devices.delete(subscription.endpoint),
    shown,
    received: () => received,
    refused: () => refused,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** `Authorization: vapid t=<token>, k=<key>`: a token for this service, not expired, signed by the key that the page subscribed with. */
function isFromSender(headers: IncomingHttpHeaders, origin: string, publicKey: string): boolean {
  const [, token, key] = /^vapid t=([^,]+), ?k=(.+)$/.exec(headers.authorization ?? '') ?? []
  if (token === undefined || key !== publicKey) return false
  const [head = '', claims = '', signature = ''] = token.split('.')
  const signed = verify('sha256', Buffer.from(`${head}.${claims}`), { key: toKey(publicKey), dsaEncoding: 'ieee-p1363' }, fromBase64(signature))
  const { aud, exp } = JSON.parse(fromBase64(claims).toString('utf8')) as { aud?: string; exp?: number }
  return signed && aud === origin && exp !== undefined && exp * 1000 > Date.now()
}

const fromBase64 = (text: string) => Buffer.from(text, 'base64url')

/** A VAPID key is the bare point of the curve: one byte 0x04, then x and y. */
function toKey(publicKey: string) {
  const point = fromBase64(publicKey)
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'))
  return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x as string, y: y as string }, format: 'jwk' })
}
