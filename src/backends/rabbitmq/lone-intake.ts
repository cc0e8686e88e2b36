/**
 * One of the broker's queues as it is received without a state. What is held counts against what the broker hands out, so it hands out as many as are held
 * and asked for together: more subscriptions as more are asked for, none when what they brought is not asked for any more.
 */
import type { PriorityRank } from '../../core/state.js'
import type { Declarer } from './declarer.js'
import { faultOf, unavailable } from './faults.js'
import { createHints } from './hints.js'
import type { Link } from './link.js'
import type { TransportConfig } from './options.js'
import { type Delivery, openSubscription, type Subscription } from './subscription.js'
import { declarationOf, type QueueDeclaration } from './topology.js'
import { within } from './within.js'

export interface LoneIntake {
  /** The oldest, at most `max`. @throws {BACKEND_UNAVAILABLE} {STORE_MISMATCH} {STORE_DENIED} */
  receive(max: number): Promise<Delivery[]>
  /** Has the broker say when a message arrives. @throws as `receive` */
  start(): Promise<void>
  /** No further messages; what was not received goes back. */
  rest(): Promise<void>
  close(): Promise<void>
}

export interface LoneIntakeOptions {
  readonly config: TransportConfig
  readonly link: Link
  readonly declarer: Declarer
  readonly queue: string
  readonly rank: PriorityRank
  readonly onArrival: () => void
  /** Puts into the queue again what nobody here asked for. Never rejects. */
  readonly putBack: (deliveries: readonly Delivery[], to: QueueDeclaration) => Promise<void>
}

interface Member {
  readonly subscription: Subscription
  readonly room: number
}

/** What nobody has asked for this long, others may have. */
const IDLE_MS = 250
/** How long a message may be on its way that the broker must hand to us: after an acknowledgement it first writes that down. */
const ARRIVAL_MS = 20
const ARRIVAL_ROUNDS_MAX = 5

export function createLoneIntake({ config, link, declarer, queue, rank, onArrival, putBack }: LoneIntakeOptions): LoneIntake {
  const { location, callTimeoutMs, prefix, logger } = config
  const declaration = declarationOf(prefix, queue, rank)
  const { name } = declaration
  let members: readonly Member[] = []
  let idle: NodeJS.Timeout | undefined
  const arrivals = createHints()
  const inTurn = createTurns()

  const sum = (count: (member: Member) => number): number => members.reduce((total, member) => total + count(member), 0)
  const bufferedCount = (): number => sum(({ subscription }) => subscription.bufferedCount)
  const freeCount = (): number => sum(({ subscription, room }) => room - subscription.takenCount)
  const inTime = <Value>(promise: Promise<Value>, late?: (value: Value) => void): Promise<Value> =>
    within(promise, callTimeoutMs, () => unavailable(location, `did not answer within ${callTimeoutMs} ms.`), late)

  async function open(room: number): Promise<Subscription> {
    const connection = await link.use()
    await declarer.ensure(connection, declaration)
    return openSubscription({
      connection,
      name,
      prefetch: room,
      onArrival() {
        arrivals.hint()
        onArrival()
      },
      onEnd(error) {
        declarer.forget(connection, name)
        if (!members.some(({ subscription }) => subscription.isOver)) return
        members = members.filter(({ subscription }) => !subscription.isOver)
        if (error !== null) logger.warn('RabbitMQ ended a subscription; its messages come again', { location, queue: name, reason: error.message })
      },
    })
  }

  async function makeRoom(max: number): Promise<void> {
    const missing = max - freeCount()
    if (missing <= 0) return
    const subscription = await inTime(open(missing), (late) => void late.close())
    members = [...members, { subscription, room: missing }]
  }

  /** All that the broker has for us is here; or, when nothing is, nothing could be had. */
  async function settle(max: number): Promise<void> {
    for (let round = 0; round < ARRIVAL_ROUNDS_MAX && bufferedCount() < max; round++) {
      const readyCounts = await inTime(Promise.all(members.map(({ subscription }) => subscription.settle())))
      if (bufferedCount() > 0 || readyCounts.every((count) => count === 0)) return
      await arrivals.next(ARRIVAL_MS)
    }
  }

  async function receive(max: number): Promise<Delivery[]> {
    clearTimeout(idle)
    try {
      await makeRoom(max)
      await settle(max)
    } catch (error) {
      throw faultOf(error, location)
    } finally {
      idle = setTimeout(look, IDLE_MS).unref()
    }
    const taken: Delivery[] = []
    for (const { subscription } of members) if (taken.length < max) taken.push(...subscription.take(max - taken.length))
    return taken
  }

  /** While nothing is held back, messages may arrive that somebody here waits for. */
  function look(): void {
    if (bufferedCount() === 0) idle = setTimeout(look, IDLE_MS).unref()
    else void inTurn(rest).catch(() => undefined)
  }

  async function rest(): Promise<void> {
    clearTimeout(idle)
    const retired = members
    members = []
    const left = await Promise.all(retired.map(({ subscription }) => (subscription.isOver ? [] : inTime(subscription.retire()))))
    await putBack(left.flat(), declaration)
  }

  return {
    receive: (max) => inTurn(() => receive(max)),
    start: () => inTurn(() => makeRoom(1)),
    rest: () => inTurn(rest),
    async close() {
      await inTurn(rest).catch(() => undefined)
      clearTimeout(idle)
    },
  }
}

/** One after another: each counts on what the one before has left. */
function createTurns() {
  let last: Promise<unknown> = Promise.resolve()
  return <Value>(act: () => Promise<Value>): Promise<Value> => {
    const turn = last.then(act, act)
    last = turn
    return turn
  }
}
