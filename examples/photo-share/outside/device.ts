/** A person's phone: it subscribes to push notifications and can decrypt those sent to it, and nobody else can (RFC 8291, `aes128gcm`). */
import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto'

export interface PushSubscription {
  readonly endpoint: string
  readonly keys: { readonly p256dh: string; readonly auth: string }
}

export interface PushMessage {
  readonly title: string
  readonly body: string
  /** Phones show one notification per tag: a second one with the same tag replaces the first. */
  readonly tag: string
}

export interface Device {
  readonly subscription: PushSubscription
  decrypt(body: Buffer): PushMessage
}

export function createDevice(endpoint: string): Device {
  const keys = createECDH('prime256v1')
  const publicKey = keys.generateKeys()
  const auth = randomBytes(16)
  return {
    subscription: { endpoint, keys: { p256dh: publicKey.toString('base64url'), auth: auth.toString('base64url') } },
    decrypt: (body) => {
      const salt = body.subarray(0, 16)
      const keyLength = body.readUInt8(20)
      const senderKey = body.subarray(21, 21 + keyLength)
      const secret = hkdf(auth, keys.computeSecret(senderKey), Buffer.concat([Buffer.from('WebPush: info\0'), publicKey, senderKey]), 32)
      const contentKey = hkdf(salt, secret, Buffer.from('Content-Encoding: aes128gcm\0'), 16)
      const nonce = hkdf(salt, secret, Buffer.from('Content-Encoding: nonce\0'), 12)
      return JSON.parse(decryptRecord(body.subarray(21 + keyLength), contentKey, nonce)) as PushMessage
    },
  }
}

const hkdf = (salt: Buffer, key: Buffer, info: Buffer, length: number) => Buffer.from(hkdfSync('sha256', key, salt, info, length))

/** One record holds the whole message: the text, a 0x02 that ends it, and padding of zeros. */
function decryptRecord(record: Buffer, key: Buffer, nonce: Buffer): string {
  const decipher = createDecipheriv('aes-128-gcm', key, nonce)
  decipher.setAuthTag(record.subarray(-16))
  const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()])
  return padded.subarray(0, padded.lastIndexOf(2)).toString('utf8')
}
