/** Sends Web Push notifications: sealed for one device, signed with the application's VAPID key. */
import webPush from 'web-push'
import type { Settings } from './settings.js'

/** The push service did not take it. 404 and 410 mean that the subscription is gone for good. */
export class PushError extends Error {
  readonly status: number
  constructor(status: number) {
    super(`The push service answered ${status}.`)
    this.name = 'PushError'
    this.status = status
  }
}

export interface Notification {
  readonly title: string
  readonly body: string
  /** A second notification with the same tag takes the place of the first. */
  readonly tag: string
}

const KEEP_SECONDS = 3600

export async function sendPush(settings: Settings, subscription: string, notification: Notification, signal: AbortSignal): Promise<void> {
  const { endpoint, method, headers, body } = webPush.generateRequestDetails(
    JSON.parse(subscription) as webPush.PushSubscription,
    JSON.stringify(notification),
    {
      TTL: KEEP_SECONDS,
      vapidDetails: {
        subject: 'mailto:hello@photo-share.test',
        publicKey: settings.vapidPublicKey,
        privateKey: settings.vapidPrivateKey,
      },
    },
  )
  // webPush.sendNotification would send it too, but only over https; the demo's push service is on loopback.
  const { 'Content-Length': _length, ...others } = headers
  // The library's types call its headers an interface of their own; they are plain text by name.
  const response = await fetch(endpoint, { method, headers: others as unknown as Record<string, string>, body: new Uint8Array(body), signal })
  await response.body?.cancel()
  if (!response.ok) throw new PushError(response.status)
}
