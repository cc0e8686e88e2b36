/** Waits until a query finds no job that is still to be settled. */
import { sleep } from '../meters.mjs'
import { ask } from './server.mjs'

const POLL_MS = 5

/** `source` is what follows `FROM`, and finds the jobs that are left. */
export async function untilNoneIn(source) {
  while ((await ask(`SELECT EXISTS (SELECT FROM ${source}) AS some`)).some) await sleep(POLL_MS)
}
