/** What the tests of the broker backend share: a broker of this process, a SQLite state that can be away, and a worker. */
import { join } from 'node:path'
import type { Backend, ClaimRequest, ManualClock, NewJob } from 'kerja/backend'
import { createManualClock } from 'kerja/backend'
import { sqlite } from 'kerja/sqlite'
import { onTestFinished } from 'vitest'
import { type BrokerOptions, brokerBackend } from '../../dist/backends/broker/backend.js'
import { KerjaError } from '../../dist/errors.js'
import { job, temporaryFolder } from '../sqlite/support.js'
import { createInProcessBroker, type InProcessBroker } from './in-process.js'

export interface Faults {
  /** Every call fails. */
  away: boolean
  /** What is done before a call: it may throw. */
  before: ((method: string, given: readonly unknown[]) => unknown) | null
  /** What is done after a call that succeeded. */
  after: ((method: string, given: readonly unknown[]) => unknown) | null
  /** Calls so far, by name. */
  readonly counts: Map<string, number>
}

export interface Lines {
  readonly warnings: { readonly message: string; readonly facts: Readonly<Record<string, unknown>> | undefined }[]
  readonly infos: string[]
}

export interface World {
  readonly broker: InProcessBroker
  readonly clock: ManualClock
  readonly faults: Faults
  readonly lines: Lines
  readonly backend: Backend
  /** The state by itself, without faults. */
  readonly state: Backend
  /** Another process: a handle of its own on broker and state. */
  connect(options?: Partial<BrokerOptions>): Backend
}

export const START_AT = Date.UTC(2026, 0, 1)
export const DAY_MS = 86_400_000

export const stateAway = (): KerjaError => new KerjaError('BACKEND_UNAVAILABLE', 'The state of this test is away. Bring it back.')

/** Every method of every part asks `faults` first. */
function withFaults(state: Backend, faults: Faults): Backend {
  const part = <Part extends object>(of: Part): Part =>
    Object.fromEntries(
      Object.entries(of).map(([name, value]) => [
        name,
        typeof value !== 'function' || name === 'listen' || name.endsWith('Sync')
          ? value
          : async (...given: unknown[]) => {
              faults.counts.set(name, (faults.counts.get(name) ?? 0) + 1)
              if (faults.away) throw stateAway()
              await faults.before?.(name, given)
              const answer = await value(...given)
              await faults.after?.(name, given)
              return answer
            },
      ]),
    ) as Part
  return {
    ...state,
    queue: part(state.queue),
    ledger: part(state.ledger),
    coordination: part(state.coordination),
    transfer: part(state.transfer),
    async open() {
      if (faults.away) throw stateAway()
      await state.open()
    },
  }
}

export function createWorld(options: { readonly redeliveryMs?: number; readonly heldMax?: number; readonly stateAheadMs?: number } = {}): World {
  const { stateAheadMs = 0, redeliveryMs, heldMax } = options
  const path = join(temporaryFolder(), 'jobs.db')
  const clock = createManualClock(START_AT + stateAheadMs)
  const faults: Faults = { away: false, before: null, after: null, counts: new Map() }
  const lines: Lines = { warnings: [], infos: [] }
  const broker = createInProcessBroker()
  const logger = {
    info: (message: string) => void lines.infos.push(message),
    warn: (message: string, facts?: Readonly<Record<string, unknown>>) => void lines.warnings.push({ message, facts }),
  }
  const connect = (more: Partial<BrokerOptions> = {}): Backend => {
    const backend = brokerBackend({
      transport: broker.connect(redeliveryMs === undefined ? {} : { redeliveryMs }),
      state: withFaults(sqlite({ path, clock }), faults),
      clock: { now: () => clock.now() - stateAheadMs, buffer: undefined },
      logger,
      ...(heldMax === undefined ? {} : { heldMax }),
      ...more,
    })
    onTestFinished(() => backend.close())
    return backend
  }
  const state = sqlite({ path, clock })
  onTestFinished(() => state.close())
  return { broker, clock, faults, lines, backend: connect(), state, connect }
}

export const KIND = 'test.kind'

export interface TestWorker {
  readonly id: string
  claim(overrides?: Partial<ClaimRequest>): ReturnType<Backend['queue']['claim']>
  /** Ids of what it claims. */
  take(overrides?: Partial<ClaimRequest>): Promise<readonly string[]>
}

let workerCount = 0

export async function workerOn(backend: Backend, queues: readonly string[] = ['default']): Promise<TestWorker> {
  workerCount += 1
  const id = `01b40000-0000-7000-9000-${workerCount.toString(16).padStart(12, '0')}`
  await backend.coordination.registerWorker({
    id,
    name: 'test',
    host: 'localhost',
    pid: process.pid,
    version: '0',
    queues,
    kinds: [{ kind: KIND, version: 1 }],
    schedules: [],
    concurrency: 10,
    leaseMs: 1e12,
  })
  const claim: TestWorker['claim'] = (overrides = {}) =>
    backend.queue.claim({
      workerId: id,
      limit: 10,
      queues: new Map(queues.map((queue) => [queue, 10])),
      kinds: [{ kind: KIND, version: 1, leaseMs: null }],
      alone: false,
      expiredRetentionMs: DAY_MS,
      ...overrides,
    })
  return { id, claim, take: async (overrides) => (await claim(overrides)).jobs.map(({ jobId }) => jobId) }
}

export const jobs = (count: number, overrides: Partial<NewJob> = {}): NewJob[] => Array.from({ length: count }, () => job(overrides))
export const idsOf = (some: readonly { readonly id: string }[]): string[] => some.map(({ id }) => id)
export { job }
