/** Who takes part on PostgreSQL. Each is imported only by the processes that measure it. Durability is asked of the server. */
import { bullmq, bullmqSafe, kerja as kerjaOnSqlite } from '../lib/contenders.mjs'

export const kerja = { label: 'Kerja', postgres: true, load: kerjaOnSqlite.load }

export const raw = { label: 'raw PostgreSQL', postgres: true, load: () => import('../lib/contenders/raw-postgres.mjs') }

/** `newerNode`: it needs a Node newer than the oldest that Kerja runs on. */
export const pgBoss = { label: 'pg-boss', postgres: true, newerNode: true, load: () => import('./contenders/pg-boss.mjs') }

export const graphile = { label: 'graphile-worker', postgres: true, newerNode: true, load: () => import('./contenders/graphile-worker.mjs') }

export const graphilePlain = { ...graphile, label: 'graphile-worker, unbatched', load: () => import('./contenders/graphile-worker-plain.mjs') }

export const bullmqPostgres = { label: 'BullMQ, PostgreSQL', postgres: true, load: () => import('../lib/contenders/bullmq-postgres.mjs') }

export const bullmqRedis = { ...bullmq, label: 'BullMQ, Redis' }

/** Fsyncs what it acknowledges, as PostgreSQL does. */
export const bullmqRedisSafe = { ...bullmqSafe, label: 'BullMQ, Redis AOF always' }

export const POSTGRES_PEERS = ['pgBoss', 'graphile', 'bullmqPostgres']

export const PEERS = [...POSTGRES_PEERS, 'bullmqRedis']

/** The same contender with a part of the jobs, so that a slow one does not take minutes. Rates do not depend on it. */
export const withShare = (contender, share) => ({ ...contender, share })

/** How many of `count` jobs a contender gets. */
export const shareOf = ({ share = 1 }, count) => Math.round(count * share)
