/** Whether suspects wait, asked of the broker now and then: they are few, and workers need not know at once. */
import type { Carrier } from './carrier.js'
import { SUSPECTS_RANK, suspectsOf } from './lone-job.js'

export interface SuspectWatch {
  /** Of these queues. `afresh`: a claim has just looked for them. */
  wait(queues: readonly string[], afresh: boolean): Promise<boolean>
  /** One was sent there. */
  sent(queue: string): void
}

/** How often a queue is asked about. */
const LOOK_MS = 5_000

export function createSuspectWatch({ depth }: Pick<Carrier, 'depth'>, monotonicNow: () => number): SuspectWatch {
  const known = new Map<string, { readonly some: boolean; readonly atMs: number }>()

  async function look(queue: string, afresh: boolean): Promise<boolean> {
    const before = known.get(queue)
    const atMs = monotonicNow()
    if (!afresh && before !== undefined && atMs - before.atMs < LOOK_MS) return before.some
    try {
      known.set(queue, { some: (await depth(suspectsOf(queue), SUSPECTS_RANK)) > 0, atMs })
    } catch {
      // The broker is away, which the next receive meets and says; what was claimed before goes out.
    }
    return known.get(queue)?.some ?? false
  }

  return {
    async wait(queues, afresh) {
      const answers = await Promise.all(queues.map((queue) => look(queue, afresh)))
      return answers.includes(true)
    },
    sent: (queue) => void known.set(queue, { some: true, atMs: monotonicNow() }),
  }
}
