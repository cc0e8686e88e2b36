/** The state's ledger, asked after what the broker holds has been brought before it. */
import type { ChangeResult, Ledger, QueueStats } from '../../contract/ledger.js'
import type { Intake } from './intake.js'
import type { KnownQueues } from './queues.js'
import type { Recent } from './recent.js'

export interface LedgerParts {
  readonly ledger: Ledger
  readonly intake: Intake
  readonly queues: KnownQueues
  readonly recent: Recent
  /** Ended jobs are kept at least this long. */
  readonly keep: (retentionMs: number) => number
}

/** A job that was sent from here is somewhere: with another process that checks it out just now, it is looked for again. */
const LOOKS_MAX = 20
const LOOK_AGAIN_MS = 25

export function createLedger({ ledger, intake, queues, recent, keep }: LedgerParts): Ledger {
  /** Asks, and asks again about those that the state does not know, once what the broker holds is there. */
  async function find<Answer>(
    ids: readonly string[],
    ask: (ids: readonly string[]) => Promise<readonly Answer[]>,
    isUnknown: (answer: Answer) => boolean,
  ): Promise<readonly Answer[]> {
    const answers = [...(await ask(ids))]
    for (let look = 0; look < LOOKS_MAX; look += 1) {
      const missing = ids.flatMap((id, index) => (isUnknown(answers[index] as Answer) ? [{ id, index }] : []))
      const expected = missing.filter(({ id }) => recent.get(id) === 'sent')
      if (missing.length === 0 || (look > 0 && expected.length === 0)) break
      if (look > 1) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
      const left = await intake.look()
      const found = await ask(missing.map(({ id }) => id))
      missing.forEach(({ id, index }, position) => {
        answers[index] = found[position] as Answer
        if (!isUnknown(answers[index] as Answer)) recent.arrived(id)
      })
      // Behind a large backlog nothing is looked for.
      if (left.size > 0) break
    }
    return answers
  }

  const change = (ids: readonly string[], ask: (ids: readonly string[]) => Promise<readonly ChangeResult[]>): Promise<readonly ChangeResult[]> =>
    find(ids, ask, (answer) => answer === 'unknown')

  return {
    get: (ids) => find(ids, ledger.get, (record) => record === null),
    async list(query) {
      await intake.look()
      return ledger.list(query)
    },
    async stats(request) {
      for (const queue of request.queues ?? []) queues.note(queue)
      const depths = await intake.look()
      const missing = request.queues === null ? [...depths.keys()] : []
      const stats = await ledger.stats(request)
      const names = new Set(stats.map(({ queue }) => queue))
      const more = missing.filter((queue) => !names.has(queue))
      const all = more.length === 0 ? stats : [...stats, ...(await ledger.stats({ ...request, queues: more }))]
      return all.map((status) => withDepth(status, depths.get(status.queue) ?? 0, request.countCap))
    },
    attempts: ledger.attempts,
    logs: ledger.logs,
    record: ledger.record,
    cancel: (ids, { reason, retentionMs }) => change(ids, (some) => ledger.cancel(some, { reason, retentionMs: keep(retentionMs) })),
    retry: (ids) => change(ids, ledger.retry),
    remove: (ids) => change(ids, ledger.remove),
    async update(id, changes) {
      const [answer] = await change([id], async () => [await ledger.update(id, changes)])
      return answer as ChangeResult
    },
    prune: ledger.prune,
  }
}

/** The backlog that stays in the broker counts as jobs that are available. */
function withDepth(status: QueueStats, depth: number, countCap: number): QueueStats {
  if (depth === 0) return status
  const plus = (count: number): number => Math.min(countCap, count + depth)
  const counts = { ...status.counts, available: plus(status.counts.available) }
  const held = status.paused ? { ...status.held, paused: plus(status.held.paused ?? 0) } : status.held
  return { ...status, counts, held }
}
