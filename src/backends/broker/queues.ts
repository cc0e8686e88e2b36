/** The queues of the broker that this handle knows of: a broker cannot be asked which there are. */
import type { Coordination } from '../../contract/coordination.js'
import { DEFAULTS } from '../../core/options.js'

export interface KnownQueues {
  /** It was pushed to, or is served, through this handle. */
  note(queue: string): void
  /** Those noted. */
  noted(): Iterable<string>
  /** Those noted, and those that workers anywhere serve. @throws what the state fails with */
  all(): Promise<ReadonlySet<string>>
}

/** How long the answer of the state is good for. */
const FRESH_MS = 1_000

export function createKnownQueues(coordination: Pick<Coordination, 'workers'>, monotonicNow: () => number): KnownQueues {
  const noted = new Set<string>([DEFAULTS.job.queue])
  let served: Promise<readonly string[]> | null = null
  let askedAtMs = 0

  async function ask(): Promise<readonly string[]> {
    const workers = await coordination.workers()
    return workers.filter(({ alive }) => alive).flatMap(({ queues }) => queues)
  }

  return {
    note: (queue) => void noted.add(queue),
    noted: () => noted,
    async all() {
      if (served === null || monotonicNow() - askedAtMs > FRESH_MS) {
        askedAtMs = monotonicNow()
        served = ask()
        // The next caller asks again.
        served.catch(() => {
          served = null
        })
      }
      return new Set([...noted, ...(await served)])
    },
  }
}
