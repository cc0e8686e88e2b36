/** Lanes: the (queue, kind, version) that workers choose by, as small numbers. A lane is never removed, so a number once seen stays true. */
import type { Connection } from './driver.js'
import type { LaneName, WireLane } from './wire.js'

export interface Lanes {
  /** The number of a lane, made when new. */
  idOf(lane: LaneName): number
  all(): readonly WireLane[]
  find(id: number): WireLane
  /** After a rollback: numbers made in it are void. */
  forget(): void
}

/** `cache: false` inside a caller's transaction, where what is read or made may be rolled back unseen. */
export function createLanes(connection: Connection, { cache }: { readonly cache: boolean }): Lanes {
  const select = connection.prepare<[number]>('SELECT id FROM kerja_lanes WHERE queue = ? AND kind = ? AND version = ?')
  const insert = connection.prepare('INSERT OR IGNORE INTO kerja_lanes (queue, kind, version) VALUES (?, ?, ?)')
  const newest = connection.prepare<[number | null]>('SELECT max(id) FROM kerja_lanes')
  const list = connection.prepare<[number, string, string, number]>('SELECT id, queue, kind, version FROM kerja_lanes ORDER BY id')
  let known: readonly WireLane[] = []
  let byId = new Map<number, WireLane>()
  const ids = new Map<string, number>()
  /** Of those in `ids` the one that was asked for last. */
  let last: { readonly lane: LaneName; readonly id: number } | undefined

  function refresh(): readonly WireLane[] {
    // Other processes add lanes too; none is ever removed, so the highest number tells whether anything is new.
    if (!cache || newest.row()?.[0] !== (known.at(-1)?.[0] ?? null)) {
      known = list.rows()
      byId = new Map(known.map((lane) => [lane[0], lane]))
    }
    return known
  }

  return {
    idOf(lane) {
      if (lane === last?.lane) return last.id
      const [queue, kind, version] = lane
      const name = `${version}:${queue.length}:${queue}${kind}`
      let id = ids.get(name)
      if (id === undefined) {
        let row = select.row(queue, kind, version)
        if (row === undefined) {
          insert.run(queue, kind, version)
          row = select.row(queue, kind, version)
        }
        id = (row as [number])[0]
        if (cache) ids.set(name, id)
      }
      if (cache) last = { lane, id }
      return id
    },
    all: refresh,
    find(id) {
      if (!byId.has(id)) refresh()
      const lane = byId.get(id)
      if (lane === undefined) throw new Error(`A job names lane ${id}, which kerja_lanes does not hold`)
      return lane
    },
    forget() {
      ids.clear()
      last = undefined
      known = []
      byId = new Map()
    },
  }
}
