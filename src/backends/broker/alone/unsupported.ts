/** What a broker alone has no place for: every method is there, and says so. */
import type { Coordination } from '../../../contract/coordination.js'
import type { Ledger } from '../../../contract/ledger.js'
import type { Transfer } from '../../../contract/transfer.js'
import { UnsupportedError } from '../../../errors.js'

export type Unsupported = (what: string) => UnsupportedError

const REMEDY = 'Give it a state, an SQLite file or a PostgreSQL database, such as `state: "sqlite:jobs.db"`: then it can.'

export const createUnsupported =
  (name: string): Unsupported =>
  (what) =>
    new UnsupportedError(name, what, REMEDY)

/** Each method rejects. */
function refusing<Part extends object>(methods: Readonly<Record<keyof Part, string>>, unsupported: Unsupported): Part {
  return Object.fromEntries(
    Object.entries<string>(methods).map(([method, what]) => [
      method,
      async (): Promise<never> => {
        throw unsupported(what)
      },
    ]),
  ) as Part
}

export const refusingLedger = (unsupported: Unsupported): Ledger =>
  refusing<Ledger>(
    {
      get: 'find a job',
      list: 'list jobs',
      stats: 'count jobs by their states',
      attempts: 'remember past attempts',
      logs: 'keep log lines',
      record: 'keep progress and log lines',
      cancel: 'cancel a job by its id',
      retry: 'retry a job by its id',
      remove: 'remove a job by its id',
      update: 'change a job',
      prune: 'delete records of jobs: it keeps none',
    },
    unsupported,
  )

export const refusingCoordination = (unsupported: Unsupported): Coordination =>
  refusing<Coordination>(
    {
      registerWorker: 'register workers',
      deregisterWorker: 'register workers',
      workers: 'list workers',
      reapWorkers: 'declare workers dead',
      lead: 'elect a leader',
      resign: 'elect a leader',
      pauseQueue: 'pause a queue',
      resumeQueue: 'resume a queue',
      schedules: 'keep schedules',
      upsertSchedules: 'keep schedules',
      removeSchedules: 'keep schedules',
      pauseSchedule: 'keep schedules',
      dueSchedules: 'keep schedules',
      fireSchedule: 'keep schedules',
    },
    unsupported,
  )

export const refusingTransfer = (unsupported: Unsupported): Transfer =>
  refusing<Transfer>(
    {
      take: 'hand jobs to another store',
      ended: 'hand jobs to another store',
      accept: 'take jobs of another store',
      leave: 'hand jobs to another store',
      keys: 'keep idempotency keys',
      acceptKeys: 'keep idempotency keys',
      acceptSchedules: 'keep schedules',
    },
    unsupported,
  )
