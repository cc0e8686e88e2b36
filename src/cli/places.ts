/** The places of a backend that keeps jobs in more than one, and whether they answer. */
import type { BackendPlace } from '../contract/backend.js'
import type { Logger } from '../index.js'
import { loadBackend } from '../open-backend.js'
import type { Target } from './target.js'

/** None for a backend of one place, which says itself whether it answers. @throws what loading throws */
export async function placesOf({ options }: Target, logger: Logger): Promise<readonly BackendPlace[]> {
  const { backend = null, state = null } = options
  const held = await loadBackend({ backend, state, environmentFirst: false }, logger)
  try {
    return (await held.backend.places?.()) ?? []
  } finally {
    await held.release()
  }
}
