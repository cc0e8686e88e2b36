/** Sends mail over SMTP. */
import { createTransport } from 'nodemailer'

export interface Letter {
  /**
   * Sending mail cannot be undone and its receipt can get lost, so now and then a message goes out twice. With the same id both times,
   * whoever receives it can tell.
   */
  readonly messageId: string
  readonly to: string
  readonly subject: string
  readonly text: string
}

export interface Mailer {
  send(letter: Letter): Promise<void>
  close(): void
}

/** Greylisting servers and slow links are waited for, but not for ever. */
const TIMEOUT_MS = 10_000

export function createMailer(url: string): Mailer {
  const { hostname, port } = new URL(url)
  const transport = createTransport({
    host: hostname,
    port: Number(port),
    pool: true,
    maxConnections: 4,
    ignoreTLS: true,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
  })
  return {
    send: async ({ messageId, ...letter }) => {
      await transport.sendMail({ from: 'Photo Share <hello@photo-share.test>', messageId: toMessageId(messageId), ...letter })
    },
    close: () => transport.close(),
  }
}

/** A Message-ID is one word: everything that may not stand in it is written as hex. */
const toMessageId = (key: string) =>
  `<${key.replaceAll(/[^A-Za-z0-9.-]/g, (character) => `_${character.codePointAt(0)?.toString(16)}_`)}@photo-share.test>`
