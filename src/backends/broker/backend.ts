/**
 * A backend of two: a broker, where plain jobs wait, and a state, a whole SQL backend, where everything else lives. A claim checks messages out into
 * the state and goes on there. docs/decisions/0011 says why jobs of the state are claimed where they are.
 */
import type { Backend, Queue } from '../../contract/backend.js'
import { type StoreClock, systemClock } from '../../contract/clock.js'
import type { Settlement } from '../../contract/job.js'
import { KerjaError, passesByItself } from '../../errors.js'
import { createCheckOut } from './check-out.js'
import { createClaim } from './claim.js'
import { createGate } from './gate.js'
import { createGuard } from './guard.js'
import { createIntake } from './intake.js'
import { createLedger } from './ledger.js'
import { createListening } from './listen.js'
import { type Notices, silent } from './notices.js'
import { createPush } from './push.js'
import { createKnownQueues } from './queues.js'
import { createReach } from './reach.js'
import { createRecent } from './recent.js'
import { createStateClock } from './state-clock.js'
import { createTransfer } from './transfer.js'
import type { Transport } from './transport.js'

export interface BrokerOptions {
  readonly transport: Transport
  /** A whole SQL backend. It is this backend's own: closed with it. */
  readonly state: Backend
  /** Of this process. @default the system's */
  readonly clock?: StoreClock
  /** @default none; the lines go nowhere */
  readonly logger?: Notices
  /** So many due jobs of a queue that nobody runs may wait in the state; then the rest of the queue stays in the broker. @default 10000 */
  readonly heldMax?: number
}

export const BROKER_DEFAULTS = Object.freeze({ heldMax: 10_000 })
/** A producer of plain jobs needs the broker only: its opening does not wait longer for the state. */
const STATE_PATIENCE_MS = 1_000

export function brokerBackend({ transport, state, clock = systemClock, logger = silent, heldMax = BROKER_DEFAULTS.heldMax }: BrokerOptions): Backend {
  const location = `${transport.location} with the state ${state.location}`
  const monotonicNow = (): number => performance.now()
  const retentionMsMin = transport.redeliveryMs
  const keep = (retentionMs: number): number => Math.max(retentionMs, retentionMsMin)
  const guard = createGuard(() => new KerjaError('BACKEND_CLOSED', `The ${transport.name} backend of ${location} was closed. Make a new one.`))
  const recent = createRecent()
  const queues = createKnownQueues(state.coordination, monotonicNow)
  const stateClock = createStateClock(state.coordination, clock, monotonicNow)
  const reach = createReach({ transport, notices: logger, monotonicNow, onLate: (messages) => checkOut.keep(messages) })
  const checkOut = createCheckOut({ transport, reach, state, recent, stateClock, notices: logger })
  const gate = createGate({ ledger: state.ledger, heldMax, notices: logger, monotonicNow })
  const intake = createIntake({ checkOut, reach, queues, stateClock })
  const listening = createListening(state.queue, transport, queues.noted)
  const push = createPush({ transport, state, clock, recent, queues })
  const claim = createClaim({ queue: state.queue, checkOut, gate, stateClock })
  const { settleSync, pushSync } = state.queue
  const kept = (settlements: readonly Settlement[]): readonly Settlement[] => settlements.map((settlement) => keepLong(settlement, keep))

  const queue: Queue = {
    ...guard.all({
      push: (jobs, options) => (options?.tx === undefined ? push(jobs) : state.queue.push(jobs, options)),
      claim(request) {
        listening.serve(request.queues.keys())
        for (const name of request.queues.keys()) queues.note(name)
        return claim({ ...request, expiredRetentionMs: keep(request.expiredRetentionMs) })
      },
      settle: (settlements, options) => state.queue.settle(kept(settlements), options),
      lapsed: state.queue.lapsed,
      async expire({ limit, retentionMs }) {
        await intake.look()
        return state.queue.expire({ limit, retentionMs: keep(retentionMs) })
      },
    } satisfies Omit<Queue, 'listen' | 'heartbeat' | 'pushSync' | 'settleSync'>),
    ...(pushSync === undefined ? {} : { pushSync }),
    ...(settleSync === undefined ? {} : { settleSync: (settlements, options) => settleSync(kept(settlements), options) }),
    listen(listener) {
      guard.check()
      return listening.listen(listener)
    },
    heartbeat: state.queue.heartbeat,
  }

  /** @throws where neither answers, or one of them never will */
  async function open(): Promise<void> {
    const opening = state.open()
    const broker = await failureOf(transport.open())
    const other = await failureOf(broker === null ? Promise.race([opening, pause(STATE_PATIENCE_MS)]) : opening)
    const errors = [broker, other].filter((error) => error !== null)
    const fatal = errors.find((error) => !passesByItself(error))
    if (fatal !== undefined) throw fatal
    if (errors.length === 2) throw errors[0]
  }

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
    capabilities: Object.freeze({ ...state.capabilities, knownAtOnce: false, retentionMsMin: retentionMsMin === 0 ? null : retentionMsMin }),
    queue,
    ledger: guard.all(createLedger({ ledger: state.ledger, intake, queues, recent, keep })),
    coordination: guard.all({
      ...state.coordination,
      async pauseQueue(name) {
        await state.coordination.pauseQueue(name)
        gate.doubt(name)
      },
    }),
    transfer: guard.all(createTransfer({ state, transport, intake, queues })),
    open: guard.one(open),
    close() {
      return guard.close(close)
    },
    migrate: guard.one((options) => state.migrate(options)),
  }
}

/** Jobs that ended are kept until no copy of their message can come any more. */
function keepLong(settlement: Settlement, keep: (retentionMs: number) => number): Settlement {
  return 'retentionMs' in settlement ? { ...settlement, retentionMs: keep(settlement.retentionMs) } : settlement
}

/** Why it failed; null when it did not. */
const failureOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => null,
    (error: unknown) => error,
  )

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref())
