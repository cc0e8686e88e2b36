/**
 * A broker without a state: what it can promise by itself, over the same transports. A job is a message, its lease the delivery, its clock that of
 * whoever looks. What needs a place to look jobs up, or something that processes agree on, is UNSUPPORTED and says so.
 */
import type { Backend, Queue, WakeListener } from '../../../contract/backend.js'
import type { Capabilities } from '../../../contract/capabilities.js'
import { type StoreClock, systemClock } from '../../../contract/clock.js'
import { KerjaError } from '../../../errors.js'
import { createGuard } from '../guard.js'
import { createListening } from '../listen.js'
import { type Notices, silent } from '../notices.js'
import type { Carrier } from './carrier.js'
import { createClaim } from './claim.js'
import type { LoneFacts } from './lone-transport.js'
import { createPush, createSending } from './push.js'
import { createSettling } from './settle.js'
import { createSuspectWatch } from './suspects.js'
import { createUnsupported, refusingCoordination, refusingLedger, refusingTransfer } from './unsupported.js'

export interface AloneOptions {
  readonly carrier: Carrier
  readonly facts: LoneFacts
  /** Of this process. @default the system's */
  readonly clock?: StoreClock
  /** @default none; the lines go nowhere */
  readonly logger?: Notices
}

export function aloneBackend({ carrier, facts, clock = systemClock, logger = silent }: AloneOptions): Backend {
  const { name, location } = facts
  const now = (): number => clock.now()
  const unsupported = createUnsupported(name)
  const guard = createGuard(() => new KerjaError('BACKEND_CLOSED', `The ${name} backend of ${location} was closed. Make a new one.`))
  const wakeUps = createWakeUps()
  const listening = createListening(wakeUps, carrier, () => [])
  const sending = createSending(now, unsupported)
  const suspects = createSuspectWatch(carrier, () => performance.now())
  const settling = createSettling({ carrier, sending, now, unsupported })
  const claim = createClaim({ carrier, now, suspects, notices: logger, location, onClaimed: settling.claimed })
  const push = createPush({ sending, send: carrier.send, unsupported })

  const queue: Queue = {
    ...guard.all({
      async push(jobs, options) {
        const results = await push(jobs, options)
        wakeUps.tell('available')
        return results
      },
      claim(request) {
        listening.serve(request.queues.keys())
        return claim(request)
      },
      async settle(settlements, options) {
        const results = await settling.settle(settlements, options)
        wakeUps.tell('available')
        wakeUps.tell('changed')
        return results
      },
      // The broker hands out again what was lost, and what is late is met at its receipt.
      lapsed: async () => [],
      expire: async () => 0,
    } satisfies Omit<Queue, 'listen' | 'heartbeat' | 'pushSync' | 'settleSync'>),
    listen(listener) {
      guard.check()
      return listening.listen(listener)
    },
    heartbeat: carrier.heartbeat,
  }

  return {
    name,
    location,
    capabilities: capabilitiesOf(facts),
    queue,
    ledger: guard.all(refusingLedger(unsupported)),
    coordination: guard.all(refusingCoordination(unsupported)),
    transfer: guard.all(refusingTransfer(unsupported)),
    open: guard.one(() => carrier.open()),
    close: () =>
      guard.close(async () => {
        listening.close()
        await guard.idle()
        await carrier.close()
      }),
    migrate: guard.one(async () => []),
  }
}

export const capabilitiesOf = ({ leaseMsMax, deathCheck }: LoneFacts): Capabilities =>
  Object.freeze({
    clock: 'client',
    durable: true,
    crossProcess: true,
    transactions: false,
    synchronousPush: false,
    // Hops are chained as long as workers look at the queue.
    delayMsMax: null,
    leaseMsMax,
    keys: false,
    ledger: false,
    coordination: false,
    transfer: false,
    knownAtOnce: false,
    retentionMsMin: null,
    fencing: false,
    deathCheck,
  })

/** What happens through this handle. The broker tells of what others push. */
function createWakeUps() {
  const listeners = new Set<{ readonly listener: WakeListener }>()
  return {
    listen(listener: WakeListener): () => void {
      const entry = { listener }
      listeners.add(entry)
      return () => void listeners.delete(entry)
    },
    tell(what: keyof WakeListener): void {
      for (const { listener } of [...listeners]) listener[what]?.()
    },
  }
}
