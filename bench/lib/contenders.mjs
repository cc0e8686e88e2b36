/** Who takes part. Each is imported only by the processes that measure it, so that no contender pays for the code of another. */
const FSYNCED = 'SQLite, WAL, synchronous FULL: on disk when acknowledged'

export const kerja = { label: 'Kerja', durability: FSYNCED, load: () => import('./contenders/kerja.mjs') }

export const raw = { label: 'raw SQLite', durability: FSYNCED, load: () => import('./contenders/raw.mjs') }

/** `redis` names the server it needs; its durability is asked of that server. */
export const bullmq = { label: 'BullMQ', redis: 'plain', load: () => import('./contenders/bullmq.mjs') }

export const bullmqSafe = { ...bullmq, label: 'BullMQ, AOF always', redis: 'safe' }
