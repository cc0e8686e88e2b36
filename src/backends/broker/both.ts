/** Opening the two, and asking whether they answer: each does its part while the other is away. */
import type { Backend, BackendPlace } from '../../contract/backend.js'
import { DEFAULTS } from '../../core/options.js'
import { passesByItself } from '../../errors.js'
import type { Transport } from './transport.js'

/** A producer of plain jobs needs the broker only: its opening does not wait longer for the state. */
const STATE_PATIENCE_MS = 1_000

/** @throws where neither answers, or one of them never will */
export async function openBoth(transport: Transport, state: Backend): Promise<void> {
  const opening = failureOf(state.open())
  const broker = await failureOf(transport.open())
  const other = await (broker === null ? Promise.race([opening, patience()]) : opening)
  const errors = [broker, other].filter((error) => error !== null)
  const fatal = errors.find((error) => !passesByItself(error))
  if (fatal !== undefined) throw fatal
  if (errors.length === 2) throw errors[0]
}

export async function placesOf(transport: Transport, state: Backend): Promise<readonly BackendPlace[]> {
  const [broker, other] = await Promise.all([
    failureOf(transport.open().then(() => transport.depth(DEFAULTS.job.queue))),
    failureOf(state.open().then(() => state.ledger.stats({ queues: [], countCap: 0, windowMs: 0 }))),
  ])
  return [
    { name: 'broker', location: transport.location, error: broker },
    { name: 'state', location: state.location, error: other },
  ]
}

/** Why it failed; null when it did not. */
const failureOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => null,
    (error: unknown) => error,
  )

const patience = (): Promise<null> => new Promise((resolve) => setTimeout(() => resolve(null), STATE_PATIENCE_MS).unref())
