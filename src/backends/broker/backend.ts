/**
 * A backend of two: a broker, where plain jobs wait, and a state, a whole SQL backend, where everything else lives. A claim checks messages out into
 * the state and goes on there. docs/decisions/0011-jobs-of-the-state-are-claimed-there.md says why none goes back.
 */
import type { Backend, Queue } from '../../contract/backend.js'
import { systemClock } from '../../contract/clock.js'
import type { Settlement } from '../../contract/job.js'
import { KerjaError } from '../../errors.js'
import { openBoth, placesOf } from './both.js'
import { createCheckOut } from './check-out.js'
import { createClaim } from './claim.js'
import { createGate } from './gate.js'
import { createGuard } from './guard.js'
import { createIntake } from './intake.js'
import { createLedger } from './ledger.js'
import { createListening } from './listen.js'
import { silent } from './notices.js'
import { BROKER_DEFAULTS, type BrokerOptions, checkOptions } from './options.js'
import { createPush } from './push.js'
import { createKnownQueues } from './queues.js'
import { createReach } from './reach.js'
import { createRecent } from './recent.js'
import { createStateClock } from './state-clock.js'
import { createTransfer } from './transfer.js'

export type { BrokerOptions } from './options.js'

/** @throws {OPTION_INVALID} */
export function brokerBackend(options: BrokerOptions): Backend {
  checkOptions(options)
  const { transport, state } = options
  const location = `${transport.location} with the state ${state.location}`
  const guard = createGuard(() => new KerjaError('BACKEND_CLOSED', `The ${transport.name} backend of ${location} was closed. Make a new one.`))
  const parts = createParts(options)
  const { checkOut, gate, ledger, listening, queue, transfer } = parts

  async function close(): Promise<void> {
    listening.close()
    await guard.idle()
    await checkOut.close()
    await transport.close()
    await state.close()
  }

  return {
    name: transport.name,
    location,
    capabilities: Object.freeze({ ...state.capabilities, knownAtOnce: false, retentionMsMin: transport.redeliveryMs || null }),
    queue: {
      ...guard.all(queue),
      ...synchronous(state.queue, parts.keepLong),
      listen(listener) {
        guard.check()
        return listening.listen(listener)
      },
      heartbeat: state.queue.heartbeat,
    },
    ledger: guard.all(ledger),
    coordination: guard.all({
      ...state.coordination,
      async pauseQueue(name) {
        await state.coordination.pauseQueue(name)
        gate.doubt(name)
      },
    }),
    transfer: guard.all(transfer),
    open: guard.one(() => openBoth(transport, state)),
    close: () => guard.close(close),
    places: guard.one(() => placesOf(transport, state)),
    migrate: guard.one((asked) => state.migrate(asked)),
  }
}

function createParts({ transport, state, clock = systemClock, logger: notices = silent, heldMax = BROKER_DEFAULTS.heldMax }: BrokerOptions) {
  const monotonicNow = (): number => performance.now()
  const keep = (retentionMs: number): number => Math.max(retentionMs, transport.redeliveryMs)
  /** Jobs that ended are kept until no copy of their message can come any more. */
  const keepLong = (settlements: readonly Settlement[]): readonly Settlement[] =>
    settlements.map((settlement) => ('retentionMs' in settlement ? { ...settlement, retentionMs: keep(settlement.retentionMs) } : settlement))
  const recent = createRecent()
  const queues = createKnownQueues(state.coordination, monotonicNow)
  const stateClock = createStateClock(state.coordination, clock, monotonicNow)
  const reach = createReach(transport, notices, monotonicNow)
  const checkOut = createCheckOut({ transport, reach, state, recent, stateClock, notices })
  const gate = createGate({ ledger: state.ledger, heldMax, notices, monotonicNow })
  const intake = createIntake({ checkOut, reach, queues, stateClock })
  const listening = createListening(state.queue, transport, queues.noted)
  const push = createPush({ transport, state, clock, recent, queues })
  const claim = createClaim({ queue: state.queue, checkOut, gate, stateClock })

  const queue: Omit<Queue, 'listen' | 'heartbeat' | 'pushSync' | 'settleSync'> = {
    push: (jobs, options) => (options?.tx === undefined ? push(jobs) : state.queue.push(jobs, options)),
    claim(request) {
      listening.serve(request.queues.keys())
      for (const name of request.queues.keys()) queues.note(name)
      return claim({ ...request, expiredRetentionMs: keep(request.expiredRetentionMs) })
    },
    settle: (settlements, options) => state.queue.settle(keepLong(settlements), options),
    lapsed: (request) => state.queue.lapsed(request),
    async expire({ limit, retentionMs }) {
      await intake.look()
      return state.queue.expire({ limit, retentionMs: keep(retentionMs) })
    },
  }
  const ledger = createLedger({ ledger: state.ledger, intake, queues, recent, keep })
  const transfer = createTransfer({ state, transport, intake, queues })
  return { checkOut, gate, keepLong, ledger, listening, queue, transfer }
}

/** On the caller's transaction, of a state that has it. */
function synchronous(
  { pushSync, settleSync }: Queue,
  keepLong: (settlements: readonly Settlement[]) => readonly Settlement[],
): Pick<Queue, 'pushSync' | 'settleSync'> {
  if (pushSync === undefined || settleSync === undefined) return {}
  return { pushSync, settleSync: (settlements, options) => settleSync(keepLong(settlements), options) }
}
