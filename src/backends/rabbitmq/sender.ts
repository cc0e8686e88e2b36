/**
 * Sends messages and says of each whether it is stored. What is not confirmed when the channel ends, or in time, may have been stored or not: its
 * answer is an error, and sending it again is harmless.
 */
import type { KerjaError } from '../../errors.js'
import type { Connection } from './connection.js'
import type { Declarer } from './declarer.js'
import { faultOf, unavailable } from './faults.js'
import type { Link } from './link.js'
import type { TransportConfig } from './options.js'
import { type Fate, type Outlet, openOutlet, type Parcel } from './outlet.js'
import type { QueueDeclaration } from './topology.js'

export interface Sender {
  /** One answer per message, in order: null when it is stored. Never rejects. */
  send(parcels: readonly Parcel[]): Promise<(KerjaError | null)[]>
}

export interface SenderOptions {
  readonly config: TransportConfig
  readonly link: Link
  readonly declarer: Declarer
}

export function createSender({ config, link, declarer }: SenderOptions): Sender {
  const { location, callTimeoutMs } = config
  let current: { readonly connection: Connection; readonly outlet: Promise<Outlet> } | null = null

  async function outletOf(connection: Connection): Promise<Outlet> {
    for (;;) {
      current = current?.connection === connection ? current : { connection, outlet: openOutlet(connection) }
      const mine = current
      const outlet = await mine.outlet.catch((error: unknown) => error)
      const isUsable = !(outlet instanceof Error) && !(outlet as Outlet).isOver
      if (isUsable) return outlet as Outlet
      if (current === mine) current = null
      if (outlet instanceof Error) throw outlet
    }
  }

  async function publishAll(parcels: readonly Parcel[], round: Round): Promise<void> {
    const connection = await link.use()
    if (connection.blocked !== null) throw unavailable(location, `takes no messages for now (${connection.blocked}). ${RELIEF}`)
    round.usedConnection = connection
    const refusals = await refusalsOf(connection, parcels)
    const outlet = await outletOf(connection)
    // The deadline has passed meanwhile.
    if (round.isOver) return
    for (const [index, parcel] of parcels.entries()) {
      const refusal = refusals.get(parcel.to.name)
      if (refusal === undefined) outlet.publish(parcel, (fate) => round.tell(index, fate))
      else round.tell(index, refusal)
    }
  }

  /** Makes the queues that are not known to be there. Which cannot be used, and why. */
  async function refusalsOf(connection: Connection, parcels: readonly Parcel[]): Promise<Map<string, KerjaError>> {
    const missing = new Map<string, QueueDeclaration>()
    for (const { to } of parcels) if (!declarer.isReady(connection, to.name)) missing.set(to.name, to)
    const refusals = new Map<string, KerjaError>()
    const refuse = (name: string, error: unknown): void => void refusals.set(name, faultOf(error, location))
    await Promise.all([...missing.values()].map((to) => declarer.ensure(connection, to).catch((error: unknown) => refuse(to.name, error))))
    return refusals
  }

  /** What became of each, at the latest at the deadline. */
  async function attempt(parcels: readonly Parcel[], deadlineAt: number): Promise<Fate[]> {
    const round = createRound(parcels.length)
    const expire = (): void => round.tellRest(lateError(round.usedConnection?.blocked ?? null))
    const timer = setTimeout(expire, Math.max(1, deadlineAt - performance.now()))
    publishAll(parcels, round).catch(round.tellRest)
    const fates = await round.fates
    clearTimeout(timer)
    for (const [index, { to }] of parcels.entries())
      if (fates[index] === 'returned' && round.usedConnection !== null) declarer.forget(round.usedConnection, to.name)
    return fates
  }

  const lateError = (blocked: string | null): KerjaError => {
    const words = blocked === null ? '' : ` It takes no messages for now (${blocked}). ${RELIEF}`
    return unavailable(location, `did not confirm within ${callTimeoutMs} ms; whether the message was stored is unknown.${words}`)
  }

  function answerOf(fate: Fate): KerjaError | null {
    if (fate === 'stored') return null
    if (fate === 'returned') return unavailable(location, 'has no queue for the message, although it was just made.')
    if (fate === 'refused')
      return unavailable(location, 'refused the message (basic.nack). Most often the queue is at a length limit that a policy sets.')
    return faultOf(fate, location)
  }

  return {
    async send(parcels) {
      if (parcels.length === 0) return []
      const deadlineAt = performance.now() + callTimeoutMs
      const fates = await attempt(parcels, deadlineAt)
      // Somebody has deleted a queue: it is made again, and these are sent once more.
      const returned = [...fates.keys()].filter((index) => fates[index] === 'returned')
      if (returned.length > 0) {
        const again = returned.map((index) => parcels[index] as Parcel)
        for (const [position, fate] of (await attempt(again, deadlineAt)).entries()) fates[returned[position] as number] = fate
      }
      return fates.map(answerOf)
    },
  }
}

const RELIEF = 'Give it memory or disk, or drain its queues; Kerja goes on by itself.'

interface Round {
  usedConnection: Connection | null
  readonly isOver: boolean
  /** The first word about a message counts. */
  tell(index: number, fate: Fate): void
  tellRest(error: Error): void
  readonly fates: Promise<Fate[]>
}

/** What is known of `count` messages; `fates` resolves when all is. */
function createRound(count: number): Round {
  const known = new Array<Fate | undefined>(count).fill(undefined)
  let openCount = count
  let resolve: (fates: Fate[]) => void
  const fates = new Promise<Fate[]>((give) => {
    resolve = give
  })
  const round: Round = {
    usedConnection: null,
    get isOver() {
      return openCount === 0
    },
    tell(index, fate) {
      if (known[index] !== undefined) return
      known[index] = fate
      openCount -= 1
      if (openCount === 0) resolve(known as Fate[])
    },
    tellRest(error) {
      for (let index = 0; index < count; index++) round.tell(index, error)
    },
    fates,
  }
  return round
}
