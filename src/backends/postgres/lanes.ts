/** Lanes: the (queue, kind, version) that workers choose by, as small numbers. A lane is never removed, so a number once seen stays true. */
import type { NewJob } from '../../contract/job.js'
import type { Session } from './session.js'

export type Lane = readonly [id: number, queue: string, kind: string, version: number]
type LaneName = Pick<NewJob, 'queue' | 'kind' | 'version'>

export interface Lanes {
  /** Makes the lanes of these jobs known, in a transaction of its own that is over when it resolves. Asks nothing when they are. */
  ensure(jobs: readonly LaneName[]): Promise<void>
  /** The number of a lane that is ensured. */
  idOf(job: LaneName): number
  all(): readonly Lane[]
  /** All lanes there are, as somebody else has read them. */
  learn(lanes: readonly Lane[]): void
  /** Reads all lanes when one of these is not known. */
  know(ids: Iterable<number>): Promise<void>
  find(id: number): Lane
}

const nameOf = ({ queue, kind, version }: LaneName): string => `${version}:${queue.length}:${queue}${kind}`

export function createLanes(session: Session): Lanes {
  const { schema } = session
  let known: readonly Lane[] = []
  let byId = new Map<number, Lane>()
  let byName = new Map<string, number>()

  function learn(lanes: readonly Lane[]): void {
    // An answer that was overtaken knows fewer.
    if (lanes.length < known.length) return
    known = lanes
    byId = new Map(lanes.map((lane) => [lane[0], lane]))
    byName = new Map(lanes.map(([id, queue, kind, version]) => [nameOf({ queue, kind, version }), id]))
  }

  const refresh = async (): Promise<void> => learn(await session.query<Lane>(`SELECT id, queue, kind, version FROM ${schema}.lanes ORDER BY id`, []))

  return {
    async ensure(jobs) {
      const isUnknown = (job: LaneName): boolean => !byName.has(nameOf(job))
      if (!jobs.some(isUnknown)) return
      await refresh()
      const missing = jobs.filter(isUnknown)
      if (missing.length === 0) return
      const names = missing.map(({ queue, kind, version }) => [queue, kind, version])
      await session.query(`SELECT ${schema}.ensure_lanes_1($1)`, [JSON.stringify(names)], { lane: 'push' })
      await refresh()
    },
    idOf: (job) => byName.get(nameOf(job)) as number,
    all: () => known,
    learn,
    async know(ids) {
      for (const id of ids) {
        if (byId.has(id)) continue
        await refresh()
        return
      }
    },
    find(id) {
      const lane = byId.get(id)
      if (lane === undefined) throw new Error(`A job names lane ${id}, which the table of lanes does not hold`)
      return lane
    },
  }
}
