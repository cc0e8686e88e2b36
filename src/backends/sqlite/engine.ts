/**
 * The main thread's hold on the engine thread of one file: calls, answers, wake-ups, and the beats that it hosts. One per file and process,
 * shared by all who open it and across hot reloads.
 *
 * States of the thread: none → running (at the first call or beats) → none (its death rejects what was asked; the next call starts another) → closed.
 */
import { Worker } from 'node:worker_threads'
import type { HostedBeats, MigrationStep, WakeListener } from '../../contract/backend.js'
import { KerjaError, quote } from '../../errors.js'
import { decodeError } from './faults.js'
import type { Call, Reply } from './group.js'
import { createListeners } from './listeners.js'
import type { OperationName, Operations } from './operations.js'
import type { StoreConfig } from './options.js'
import type { SweepName, Sweeps } from './sweeps.js'
import type { ThreadData, ToThread } from './thread.js'
import type { WakeKind } from './wake.js'
import { pushedBy } from './wire.js'

type Asked = Operations & Sweeps & { open: () => { readonly driver: string }; plan: () => readonly MigrationStep[] }
type AskedName = OperationName | SweepName | 'open' | 'plan'

export interface Engine {
  call<Name extends AskedName>(name: Name, ...args: Parameters<Asked[Name]>): Promise<ReturnType<Asked[Name]>>
  listen(listener: WakeListener): () => void
  /** Calls this process's listeners. */
  wake(kind: WakeKind): void
  /** Has the thread renew a worker's leases. */
  host(beats: HostedBeats): void
  close(): Promise<void>
}

/** Longer than any group takes, lock timeout included. */
const CLOSE_LIMIT_MS = 10_000

/** So many jobs take the thread about as long to write as it takes to wake it. */
export const PUSH_PART_JOBS = 32

interface Pending {
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

interface FromThread {
  readonly replies: readonly Reply[]
  readonly available: boolean
  readonly changed: boolean
}

/** What a group leaves behind is garbage at once: a small young generation is enough for it, and the process stays small. */
const THREAD_LIMITS = Object.freeze({ maxYoungGenerationSizeMb: 2 })

/**
 * Calls by their number, which is used again once it is answered. Not a Map: one that is filled and emptied without end leaves a chain of old tables,
 * which keeps answers in memory until a full collection.
 */
function createPending() {
  const calls: (Pending | undefined)[] = []
  const free: number[] = []

  return {
    add(call: Pending): number {
      const id = free.pop() ?? calls.length
      calls[id] = call
      return id
    },
    take(id: number): Pending | undefined {
      const call = calls[id]
      if (call === undefined) return undefined
      calls[id] = undefined
      free.push(id)
      return call
    },
    takeAll(): Pending[] {
      free.length = 0
      return calls.splice(0).filter((call) => call !== undefined)
    },
    isEmpty: () => free.length === calls.length,
  }
}

export function createEngine(config: StoreConfig): Engine {
  const pending = createPending()
  const listeners = createListeners(config.path)
  let thread: Worker | undefined
  let outbox: Call[] = []
  let isTurnEndDue = false
  /** 1 while this turn has sent a part of what it pushes. */
  const turn = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

  function start(): Worker {
    const started = new Worker(new URL('./thread.js', import.meta.url), {
      workerData: { config, turn } satisfies ThreadData,
      name: 'kerja-sqlite',
      execArgv: [],
      resourceLimits: THREAD_LIMITS,
    })
    started.on('message', receive)
    // An 'exit' follows every 'error': what was asked is rejected once, with the cause.
    let cause: unknown
    started.on('error', (error) => {
      cause = error
    })
    started.on('exit', () => {
      if (thread === started) thread = undefined
      rejectAll(
        new KerjaError(
          'BACKEND_UNAVAILABLE',
          `The SQLite thread of ${config.path} ended unexpectedly; whether its last calls were stored is unknown. The next call starts it again.`,
          { cause },
        ),
      )
    })
    return started
  }

  function rejectAll(error: KerjaError): void {
    // Their numbers are free again.
    outbox = []
    for (const { reject } of pending.takeAll()) reject(error)
  }

  function receive({ replies, available, changed }: FromThread): void {
    for (const [id, value, error] of replies) {
      const call = pending.take(id)
      if (error === null) call?.resolve(value as never)
      else call?.reject(decodeError(error))
    }
    // An idle Kerja does not keep its process alive.
    if (pending.isEmpty()) thread?.unref()
    if (available) listeners.wake('available')
    if (changed) listeners.wake('changed')
  }

  /** Everything asked in one turn goes out as one message, so that a settlement and the claim after it meet in one commit. */
  function endTurn(): void {
    isTurnEndDue = false
    flush()
    Atomics.store(turn, 0, 0)
  }

  function flush(): void {
    if (outbox.length === 0) return
    const calls = outbox
    outbox = []
    thread ??= start()
    thread.ref()
    try {
      thread.postMessage({ calls } satisfies ToThread)
    } catch {
      // Something in there is not plain data.
      postOneByOne(thread, calls, (id, cause) => {
        pending.take(id)?.reject(cause)
      })
    }
  }

  return {
    call(name, ...args) {
      return new Promise((resolve, reject) => {
        outbox.push({ id: pending.add({ resolve: resolve as (value: never) => void, reject }), name, args })
        if (!isTurnEndDue) queueMicrotask(endTurn)
        isTurnEndDue = true
        if (pushedBy(name, args) < PUSH_PART_JOBS) return
        // The thread begins, and holds its commit back for the rest of the turn.
        Atomics.store(turn, 0, 1)
        flush()
      })
    },
    listen: listeners.add,
    wake: listeners.wake,
    host(beats) {
      flush()
      thread ??= start()
      thread.postMessage({ calls: [], beats } satisfies ToThread, [beats.port])
    },
    async close() {
      listeners.clear()
      // What was asked in this very turn is still answered.
      flush()
      if (thread !== undefined) await end(thread)
    },
  }
}

/** Lets the thread finish what it has. One that a dead disk holds up is given up. */
async function end(thread: Worker): Promise<void> {
  const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
  const limit = setTimeout(() => void thread.terminate(), CLOSE_LIMIT_MS)
  thread.ref()
  thread.postMessage({ calls: [], close: true } satisfies ToThread)
  await exited
  clearTimeout(limit)
}

/** A value that cannot cross threads fails its own call only. */
function postOneByOne(thread: Worker, calls: readonly Call[], reject: (id: number, error: KerjaError) => void): void {
  for (const call of calls) {
    try {
      thread.postMessage({ calls: [call] } satisfies ToThread)
    } catch (cause) {
      reject(call.id, new KerjaError('OPTION_INVALID', `${call.name} was given a value that is not plain data: ${quote(String(cause))}`, { cause }))
    }
  }
}
