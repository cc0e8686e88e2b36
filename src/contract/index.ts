/** `kerja/backend`: what a backend is. For authors of backends. */
export type * from './backend.js'
export type * from './capabilities.js'
export * from './clock.js'
export type * from './coordination.js'
export type * from './job.js'
export type * from './ledger.js'
export type * from './transfer.js'
