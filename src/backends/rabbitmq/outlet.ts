/**
 * One channel on which messages are published and confirmed, many in flight at once.
 *
 * A message for which there is no queue is confirmed all the same, after it has been returned (`mandatory`), so both are looked at.
 */
import type { Connection } from './connection.js'
import type { QueueDeclaration } from './topology.js'

export interface Parcel {
  readonly to: QueueDeclaration
  /** By which it goes there; left out, directly. */
  readonly exchange?: string
  readonly messageId: string
  readonly content: Buffer
  readonly contentType: string
  readonly headers: Readonly<Record<string, unknown>>
}

/** `returned`: there is no such queue. `refused`: the queue did not take it. An error: whether it is stored is unknown. */
export type Fate = 'stored' | 'returned' | 'refused' | Error

export interface Outlet {
  readonly isOver: boolean
  /** Tells once what became of it. @throws when the channel has ended */
  publish(parcel: Parcel, tell: (fate: Fate) => void): void
}

export async function openOutlet(connection: Connection): Promise<Outlet> {
  const channel = await connection.confirmChannel()
  /** How many of an id came back and are not confirmed yet: the same message may be on its way twice. */
  const returned = new Map<string, number>()
  let isOver = connection.lost

  // Before the library's own listener, which then fails what is not confirmed: only so a refusal is told from an end.
  channel.prependListener('close', () => {
    isOver = true
  })
  channel.on('return', ({ properties }) => {
    const messageId = properties.messageId as string
    returned.set(messageId, (returned.get(messageId) ?? 0) + 1)
  })

  function wasReturned(messageId: string): boolean {
    const count = returned.get(messageId)
    if (count === undefined) return false
    if (count === 1) returned.delete(messageId)
    else returned.set(messageId, count - 1)
    return true
  }

  return {
    get isOver() {
      return isOver
    },
    publish({ to, exchange = '', content, messageId, contentType, headers }, tell) {
      const properties = { persistent: true, mandatory: true, messageId, contentType, headers, appId: 'kerja' }
      channel.publish(exchange, to.name, content, properties, (error: Error | null) => {
        const cameBack = wasReturned(messageId)
        if (error !== null) tell(isOver ? error : 'refused')
        else tell(cameBack ? 'returned' : 'stored')
      })
    },
  }
}
