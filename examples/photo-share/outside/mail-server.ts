/**
 * An SMTP server on loopback that stands for the mailboxes of the world. Like a real one it may see a message twice, since the sender cannot know
 * whether a reply that went missing meant yes: it keeps one message per Message-ID and counts what it dropped.
 */
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server'

export interface Mail {
  readonly messageId: string
  readonly to: string
  readonly subject: string
}

export interface MailServer {
  readonly url: string
  /** One per Message-ID. */
  readonly mailbox: ReadonlyMap<string, Mail>
  /** Everything that arrived, doubles included. */
  received(): number
  close(): Promise<void>
}

/** Every so many messages the server says "try again later", as greylisting ones do … */
const BUSY_EVERY = 45
/** … and every so many it keeps the message but fails to say so. */
const REPLY_LOST_EVERY = 60
const MESSAGE_BYTES_MAX = 1024 * 1024

export async function startMailServer(): Promise<MailServer> {
  const mailbox = new Map<string, Mail>()
  let offered = 0
  let received = 0

  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    size: MESSAGE_BYTES_MAX,
    onData: (stream, session, callback) => {
      readHeaders(stream).then(
        (headers) => {
          offered += 1
          if (offered % BUSY_EVERY === 0) return callback(temporaryError('4.7.1 Busy, please try again later'))
          const to = session.envelope.rcptTo[0]?.address ?? 'nobody'
          const mail = { messageId: headers.get('message-id') ?? `<none-${offered}>`, to, subject: headers.get('subject') ?? '' }
          received += 1
          if (!mailbox.has(mail.messageId)) mailbox.set(mail.messageId, mail)
          callback(offered % REPLY_LOST_EVERY === 0 ? temporaryError('4.3.0 Something went wrong, please try again') : null)
        },
        (error: Error) => callback(error),
      )
    },
  })
  // Clients that die take their connection with them: that is expected here, and not the server's fault.
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.server.address() as AddressInfo

  return {
    url: `smtp://127.0.0.1:${port}`,
    mailbox,
    received: () => received,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

/** The header fields by lower-case name, folded lines joined; the body is read and let go. */
async function readHeaders(stream: SMTPServerDataStream): Promise<Map<string, string>> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  const [head = ''] = Buffer.concat(chunks).toString('utf8').split('\r\n\r\n', 1)
  const fields = head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n')
  return new Map(
    fields.map((field) => {
      const colon = field.indexOf(':')
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const
    }),
  )
}

const temporaryError = (message: string) => Object.assign(new Error(message), { responseCode: 451 })
