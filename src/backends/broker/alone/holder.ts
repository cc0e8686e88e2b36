/** A carrier over a transport of the same thread: it numbers what is held, ends what is settled, and gives back what was held for too long. */
import type { BeatResult } from '../../../contract/backend.js'
import type { PriorityRank } from '../../../core/state.js'
import { KerjaError } from '../../../errors.js'
import type { Carrier, Claim, Ending, EndResult, Parcel, Received, ReceiveRequest } from './carrier.js'
import type { LoneMessage, LoneTransport } from './lone-transport.js'

export interface Holder extends Carrier {
  /** What the worker holds: the answer to its heartbeat. */
  beat(workerId: string): BeatResult
}

interface Held {
  readonly message: LoneMessage
  claim: Claim | null
  timer: NodeJS.Timeout | undefined
}

/** `setTimeout` waits no longer; no broker holds a message that long either. */
const TIMER_MS_MAX = 2 ** 31 - 1

export function createHolder(transport: LoneTransport): Holder {
  const held = new Map<number, Held>()
  let lastNumber = 0

  function take(message: LoneMessage): Parcel {
    lastNumber += 1
    held.set(lastNumber, { message, claim: null, timer: undefined })
    return { number: lastNumber, queue: message.queue, body: message.body, lostCount: message.lostCount }
  }

  function forget(number: number): void {
    clearTimeout(held.get(number)?.timer)
    held.delete(number)
  }

  /** What the broker has taken away is forgotten. */
  function find(number: number): Held | undefined {
    const entry = held.get(number)
    if (entry === undefined || transport.isHeld(entry.message)) return entry
    forget(number)
    return undefined
  }

  function holdOne(claim: Claim): boolean {
    const entry = find(claim.number)
    if (entry === undefined) return false
    entry.claim = claim
    if (claim.leaseMs === null || claim.leaseMs > TIMER_MS_MAX) return true
    entry.timer = setTimeout(() => {
      held.delete(claim.number)
      void transport.giveBack([entry.message])
    }, claim.leaseMs).unref()
    return true
  }

  /** By number, why what follows a message is not known to be stored. */
  async function sendAll(endings: readonly Ending[]): Promise<Map<number, KerjaError>> {
    const failures = new Map<number, KerjaError>()
    const sent = endings.flatMap(({ number, send }) => send.map((message) => ({ number, message })))
    if (sent.length === 0) return failures
    const answers = await transport.send(sent.map(({ message }) => message))
    sent.forEach(({ number }, index) => {
      const error = answers[index] ?? null
      if (error !== null) failures.set(number, error)
    })
    return failures
  }

  async function letGo({ number, asideReason }: Ending, failures: Map<number, KerjaError>): Promise<void> {
    const entry = find(number)
    if (entry !== undefined && asideReason !== null) {
      await transport.setAside(entry.message, asideReason)
      if (transport.isHeld(entry.message)) return void failures.set(number, notAside(transport.location))
    }
    forget(number)
  }

  async function end(endings: readonly Ending[]): Promise<readonly EndResult[]> {
    const present = endings.filter(({ number }) => find(number) !== undefined)
    const isPresent = new Set(present.map(({ number }) => number))
    const failures = await sendAll(present)
    const stored = present.filter(({ number }) => !failures.has(number))
    const done = stored.filter(({ asideReason }) => asideReason === null)
    if (done.length > 0) await transport.acknowledge(done.flatMap(({ number }) => held.get(number)?.message ?? []))
    await Promise.all(stored.map((ending) => letGo(ending, failures)))
    return endings.map(({ number }) => failures.get(number) ?? (isPresent.has(number) ? 'ended' : 'lost'))
  }

  const holder: Holder = {
    open: () => transport.open(),
    async close() {
      for (const number of [...held.keys()]) forget(number)
      await transport.close()
    },
    send: (messages) => transport.send(messages),
    receive: (request) => receiveBy(request, async (queue, max, rank) => (await transport.receive(queue, max, rank)).map(take)),
    hold: async (claims) => claims.map(holdOne),
    end,
    watch: (queues, onArrival) => transport.watch(queues, onArrival),
    depth: (queue, rank) => transport.depth(queue, rank),
    heartbeat: { kind: 'inline', open: (workerId) => ({ beat: () => holder.beat(workerId), close: () => undefined }) },
    beat(workerId) {
      const claims = [...held.keys()].flatMap((number) => find(number)?.claim ?? [])
      const own = claims.filter((claim) => claim.workerId === workerId)
      return { alive: true, held: own.map(({ jobId, token }) => ({ jobId, token, cancelRequested: false })) }
    },
  }
  return holder
}

/** The most urgent first over all queues. */
async function receiveBy(
  { queues, limit, ranks }: ReceiveRequest,
  receive: (queue: string, max: number, rank: PriorityRank) => Promise<readonly Parcel[]>,
): Promise<Received> {
  const parcels: Parcel[] = []
  const room = new Map(queues)
  let isExhausted = true
  try {
    for (const rank of ranks) {
      for (const [queue] of queues) {
        const max = Math.min(limit - parcels.length, room.get(queue) ?? 0)
        const some = max <= 0 ? [] : await receive(queue, max, rank)
        if (some.length === max || max <= 0) isExhausted = false
        room.set(queue, (room.get(queue) ?? 0) - some.length)
        parcels.push(...some)
      }
    }
  } catch (error) {
    // What came already is not kept back for it; the next call meets it again.
    if (parcels.length === 0) throw error
    isExhausted = false
  }
  return { parcels, isExhausted }
}

const notAside = (location: string): KerjaError =>
  new KerjaError('BACKEND_UNAVAILABLE', `${location} did not take a message into its dead queue. Kerja tries again.`, { details: { location } })
