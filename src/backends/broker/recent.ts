/**
 * The ids that were pushed through this handle lately, so that a second push of one is known for a duplicate without asking anybody. Bounded: of
 * one that has been forgotten a second message is sent, which merges with the first by id.
 */

/** Where a job was last seen: on its way through the broker, or in the state. */
export type Whereabouts = 'sent' | 'stored'

export interface Recent {
  get(id: string): Whereabouts | undefined
  set(id: string, whereabouts: Whereabouts): void
  /** It is in the state now; of ids that were not pushed here nothing is remembered. */
  arrived(id: string): void
  delete(id: string): void
}

const IDS_MAX = 20_000

export function createRecent(): Recent {
  const ids = new Map<string, Whereabouts>()
  return {
    get: (id) => ids.get(id),
    set(id, whereabouts) {
      ids.delete(id)
      ids.set(id, whereabouts)
      if (ids.size > IDS_MAX) for (const oldest of ids.keys()) return void ids.delete(oldest)
    },
    arrived(id) {
      if (ids.has(id)) ids.set(id, 'stored')
    },
    delete: (id) => void ids.delete(id),
  }
}
