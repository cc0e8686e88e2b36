/**
 * Group commit: whatever has arrived runs in one transaction with one fsync, then everybody is answered.
 *
 * Order: settlements, changes, pushes, claims; commit; answers; reads; sweeps. A call that fails is rolled back with its group, and the
 * group's calls are then tried one by one, so that a bad call fails alone. A crash before the commit leaves nothing of the group, after it
 * all of it; callers that were not answered ask again under the same ids and tokens.
 */
import type { ClaimRequest } from '../../contract/backend.js'
import { KerjaError } from '../../errors.js'
import { encodeError, faultOf, isFatal, type WireError } from './faults.js'
import { type OperationName, type Operations, RANKS } from './operations.js'
import type { StoreConfig } from './options.js'
import { openStore, planMigrations, type Store } from './store.js'
import { createSweeps, SWEEP_NAMES, type SweepName, type Sweeps } from './sweeps.js'

export interface Call {
  readonly id: number
  readonly name: OperationName | SweepName | 'open' | 'plan'
  readonly args: readonly unknown[]
}

export type Reply = readonly [id: number, value: unknown, error: WireError | null]

export interface GroupEffects {
  readonly available: boolean
  readonly changed: boolean
}

/** Calls that may join the group, once it has the write lock: those that are there, and those that the pushing turn is still making. */
export interface Joining {
  readonly arrived: TakeMore
  readonly following: TakeMore
}
type TakeMore = (group: readonly Call[], mayJoin: (call: Call) => boolean) => readonly Call[]

export interface Groups {
  run(calls: readonly Call[], joining: Joining): void
  /** Cuts the journal if it has outgrown its limit. */
  trim(): void
  close(): void
}

/** Pushes alone may not use the space that is kept for finishing work. */
const PUSH_RANK = 2

type Anything = (...args: readonly unknown[]) => unknown

export function createGroups(config: StoreConfig, answer: (replies: readonly Reply[], effects: GroupEffects) => void): Groups {
  let current: { readonly store: Store; readonly sweeps: Sweeps } | undefined

  function opened(): { readonly store: Store; readonly sweeps: Sweeps } {
    if (current === undefined) {
      const store = openStore(config)
      current = { store, sweeps: createSweeps(store, config) }
    }
    return current
  }

  /** The error as the caller gets it. After an I/O error the connection is not trusted again: the next group opens the file anew. */
  function fail(error: unknown): WireError {
    if (isFatal(error)) discard()
    return encodeError(faultOf(error, config.path))
  }

  function discard(): void {
    const broken = current
    current = undefined
    try {
      broken?.store.close()
    } catch {
      // The connection is given up because it fails; that closing it fails too tells nothing new.
      return
    }
  }

  function send(replies: Reply[]): void {
    if (replies.length === 0) return
    const effects = current?.store.context.effects
    answer(replies, { available: effects?.available === true, changed: effects?.changed === true })
    if (effects !== undefined) effects.available = effects.changed = false
  }

  function attempt(call: Call, action: () => unknown): Reply {
    try {
      return [call.id, action(), null]
    } catch (error) {
      return [call.id, null, fail(error)]
    }
  }

  /** `calls` grows by those that join. */
  function commit(calls: Call[], joining: Joining): Reply[] {
    if (calls.length === 0) return []
    try {
      return writeAll(opened().store, calls, joining)
    } catch (error) {
      const failure = fail(error)
      // Whoever holds the lock, or a broken file, would fail each of them the same way.
      const shared = current === undefined || failure.code === 'STORE_LOCKED'
      if (calls.length === 1 || shared) return calls.map(({ id }) => [id, null, failure])
    }
    return calls.flatMap((call) => commit([call], JOINED_BY_NONE))
  }

  function run(calls: readonly Call[], joining: Joining): void {
    // A plan must not open the store: opening applies it.
    for (const call of calls) if (call.name === 'plan') send([attempt(call, () => planMigrations(config))])
    const asked = calls.filter(({ name }) => name !== 'plan')
    if (asked.length === 0) return
    try {
      opened().store.enter()
    } catch (error) {
      const failure = fail(error)
      send(asked.map(({ id }) => [id, null, failure]))
      return
    }
    send(commit(answerEmptyClaims(asked.filter(isWrite)), joining))
    for (const call of asked) if (!isWrite(call)) send([attempt(call, () => runLater(call))])
  }

  /** Claims that find nothing cost a few reads, not the write lock. With writes beside them they may find what those free. */
  function answerEmptyClaims(writes: Call[]): Call[] {
    if (!writes.every(({ name }) => name === 'claim')) return writes
    const left: Call[] = []
    const replies: Reply[] = []
    for (const call of writes) {
      const reply = attempt(call, () => {
        const { store } = opened()
        return store.read(() => store.claim.peek(call.args[0] as ClaimRequest))
      })
      if (reply[1] === null && reply[2] === null) left.push(call)
      else replies.push(reply)
    }
    send(replies)
    return left
  }

  function runLater(call: Call): unknown {
    const { store, sweeps } = opened()
    if (call.name === 'open') return { driver: store.context.connection.driver }
    const sweep = SWEEP_NAMES.find((name) => name === call.name)
    if (sweep !== undefined) return (sweeps[sweep] as Anything)(...call.args)
    return store.read(() => operationOf(store.operations, call)(...call.args))
  }

  return {
    run,
    trim() {
      try {
        current?.store.trimJournal()
      } catch (error) {
        // Nobody asked for it, so nobody is told; the next call finds a fault by itself and answers with it.
        if (isFatal(error)) discard()
      }
    },
    close: discard,
  }
}

const rankIn: Readonly<Record<string, number | 'read'>> = RANKS
const isWrite = ({ name }: Call): boolean => typeof rankIn[name] === 'number'
const rankOf = ({ name }: Call): number => rankIn[name] as number
const operationOf = (operations: Operations, { name }: Call): Anything => operations[name as OperationName] as Anything

const JOINED_BY_NONE: Joining = { arrived: () => [], following: () => [] }

function writeAll(store: Store, calls: Call[], joining: Joining): Reply[] {
  const { operations } = store
  const isPush = (call: Call): boolean => rankOf(call) === PUSH_RANK
  const pushes = calls.some(isPush)
  // With others in the group this fails it; apart, the others then succeed.
  if (pushes && !store.reserve.keep())
    throw new KerjaError(
      'STORE_FULL',
      `The disk of ${store.context.path} is full: no new jobs are taken, so that workers can finish theirs. Free space; Kerja goes on by itself.`,
    )
  const mayJoin = (call: Call): boolean => isWrite(call) && (pushes || !isPush(call))
  const runAll = (): Reply[] => {
    const replies: Reply[] = []
    const runEach = (some: Call[]): void => {
      some.sort((a, b) => rankOf(a) - rankOf(b))
      for (const call of some) replies.push([call.id, operationOf(operations, call)(...call.args), null])
    }
    calls.push(...joining.arrived(calls, mayJoin))
    runEach(calls)
    for (let late = pushes ? joining.following(calls, mayJoin) : []; late.length > 0; late = joining.following(calls, mayJoin)) {
      // Before they run: if one fails, each is tried by itself.
      calls.push(...late)
      runEach([...late])
    }
    return replies
  }
  return store.write(runAll, { useReserve: !pushes })
}
