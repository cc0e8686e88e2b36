/** BullMQ on PostgreSQL as a contender. */
import { createPostgresBackend } from 'bullmq'
import { connectionString, schema, serverCpuSeconds, walBytes } from '../postgres/server.mjs'
import { bullmqOn } from './bullmq-on.mjs'

export const { openProducer, openWorker, drain } = bullmqOn(() => ({
  options: { connection: { connectionString, schema, migrate: true } },
  factory: createPostgresBackend,
}))

export { serverCpuSeconds, walBytes }
