/** Workers that exist in the store only: they claim, never renew, and die when told to. */
import { randomUUID } from 'node:crypto'
import type { Backend, ClaimedJob, ManualClock } from 'kerja/backend'

export interface Phantom {
  readonly id: string
  /** Claims the one job of that kind that is due. */
  take(kind: string, options?: { readonly alone?: boolean; readonly leaseMs?: number | null; readonly queue?: string }): Promise<ClaimedJob>
  /** Its lease runs out; a living worker's duty will notice. */
  die(): void
}

const PHANTOM_LEASE_MS = 1_000

/** Its lease is so short that its end leaves workers with an ordinary one alive. */
export async function raisePhantom(backend: Backend, clock: ManualClock): Promise<Phantom> {
  const id = randomUUID()
  await backend.coordination.registerWorker({
    id,
    name: 'phantom',
    host: 'nowhere',
    pid: 1,
    version: '0',
    queues: ['default'],
    kinds: [],
    schedules: [],
    concurrency: 1,
    leaseMs: PHANTOM_LEASE_MS,
  })
  return {
    id,
    async take(kind, { alone = false, leaseMs = null, queue = 'default' } = {}) {
      const kinds = [{ kind, version: 1, leaseMs }]
      const request = { workerId: id, limit: 1, queues: new Map([[queue, 1]]), kinds, alone, expiredRetentionMs: 1_000 }
      const { jobs } = await backend.queue.claim(request)
      if (jobs[0] === undefined) throw new Error(`nothing of kind ${kind} to claim${alone ? ' alone' : ''}`)
      return jobs[0]
    },
    die: () => clock.advance(PHANTOM_LEASE_MS + 1),
  }
}
