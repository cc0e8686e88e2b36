// The jobs of the run with two hosts: many short ones, and some that a worker is in the middle of when its host is cut off.
import { defineJob, type } from 'kerja/define'

const common = { payload: type(), backoff: { first: '20ms', factor: 1, jitter: 'none' }, timeout: '5m' }
export const short = defineJob({ ...common, kind: 'hosts.short' })
export const long = defineJob({ ...common, kind: 'hosts.long', queue: 'long' })
export const RUN_MS = { [short.kind]: 40, [long.kind]: 20_000 }
