/** `kerja.workers`: which processes run jobs, and whether they live. */
import type { WorkerRecord } from '../contract/coordination.js'
import type { Connection } from './connection.js'

export interface WorkerStatus {
  readonly id: string
  readonly name: string
  readonly host: string
  readonly pid: number
  /** Kerja's version. */
  readonly version: string
  readonly queues: readonly string[]
  readonly kinds: readonly { readonly kind: string; readonly version: number }[]
  /** Names of the schedules it declares. */
  readonly schedules: readonly string[]
  readonly concurrency: number
  readonly runningCount: number
  /** By the store's clock: its heartbeat is younger than its lease. */
  readonly alive: boolean
  readonly startedAt: Date
  readonly heartbeatAt: Date
}

export interface Workers {
  list(): Promise<readonly WorkerStatus[]>
}

export function createWorkers(connection: Connection): Workers {
  return { list: async () => (await (await connection.open()).coordination.workers()).map(toStatus) }
}

const toStatus = (record: WorkerRecord): WorkerStatus => ({
  id: record.id,
  name: record.name,
  host: record.host,
  pid: record.pid,
  version: record.version,
  queues: record.queues,
  kinds: record.kinds,
  schedules: record.schedules,
  concurrency: record.concurrency,
  runningCount: record.runningCount,
  alive: record.alive,
  startedAt: new Date(record.startedAt),
  heartbeatAt: new Date(record.heartbeatAt),
})
