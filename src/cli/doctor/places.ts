/** Whether the broker and its state answer, and what goes on without the one or the other. */
import { isKerjaError, type Logger } from '../../index.js'
import { placesOf } from '../places.js'
import type { Target } from '../target.js'
import { type Check, fail, ok } from './check.js'

const WITHOUT = Object.freeze({
  broker: 'Until it answers plain jobs cannot be enqueued (a spool takes them), and workers run what the state has.',
  state: 'Until it answers nothing is run, and jobs with a delay or a key cannot be enqueued; plain ones can.',
})

/** None where the backend is one place. */
export async function checkPlaces(target: Target, logger: Logger): Promise<readonly Check[]> {
  try {
    const places = await placesOf(target, logger)
    return places.map(({ name, location, error }) => (error === null ? ok(name, `${location} answers`) : fail(name, wordsOf(error), WITHOUT[name])))
  } catch (error) {
    if (!isKerjaError(error)) throw error
    return [fail('backend', `${error.code}: ${error.message}`, `See ${error.docs}.`)]
  }
}

const wordsOf = (error: unknown): string => (isKerjaError(error) ? `${error.code}: ${error.message}` : `${error}`)
