/** Everything beyond the application: mail server, payment provider, push service, each on a port of its own on loopback. */
import { join } from 'node:path'
import webPush from 'web-push'
import { readSettings, type Settings, toEnvironment } from '../app/settings.js'
import { type MailServer, startMailServer } from '../outside/mail-server.js'
import { type PaymentApi, startPaymentApi } from '../outside/payment-api.js'
import { type PushService, startPushService } from '../outside/push-service.js'

export interface Outside {
  readonly mailServer: MailServer
  readonly paymentApi: PaymentApi
  readonly pushService: PushService
  /** What the processes of the application are told of it. */
  readonly environment: Readonly<Record<string, string>>
  readonly settings: Settings
  close(): Promise<void>
}

export async function startOutside(folder: string): Promise<Outside> {
  const vapid = webPush.generateVAPIDKeys()
  const [mailServer, paymentApi, pushService] = await Promise.all([startMailServer(), startPaymentApi(), startPushService(vapid.publicKey)])
  const environment = toEnvironment({
    folder: join(folder, 'data'),
    smtpUrl: mailServer.url,
    paymentUrl: paymentApi.url,
    vapidPublicKey: vapid.publicKey,
    vapidPrivateKey: vapid.privateKey,
  })
  return {
    mailServer,
    paymentApi,
    pushService,
    environment,
    settings: readSettings({ ...process.env, ...environment }),
    close: async () => {
      await Promise.all([mailServer.close(), paymentApi.close(), pushService.close()])
    },
  }
}
