/**
 * A carrier whose transport lives in a thread, so that leases are kept while a handler blocks the main thread.
 *
 * States of the thread: none → running (at the first call) → none (its death fails what was asked, and the next call starts another) → closed.
 */
import { Worker } from 'node:worker_threads'
import { KerjaError } from '../../../errors.js'
import type { Notices } from '../notices.js'
import type { Carrier, EndResult } from './carrier.js'
import type { CallName, FromThread, ThreadData, ToThread } from './thread.js'
import { decodeError, type ErrorData } from './thread-errors.js'

export interface ThreadedOptions extends ThreadData {
  /** For messages. */
  readonly location: string
  readonly notices: Notices
}

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** Longer than any transport takes to close. */
const CLOSE_MS_MAX = 10_000

export function createThreadedCarrier(options: ThreadedOptions): Carrier {
  const { location, notices, ...data } = options
  const pending = new Map<number, Pending>()
  const watches = new Map<number, { readonly queues: readonly string[]; readonly onArrival: () => void }>()
  let thread: Worker | undefined
  let lastId = 0

  function start(): Worker {
    const started = startThread(data, receive, (cause) => {
      if (thread === started) thread = undefined
      const error = new KerjaError('BACKEND_UNAVAILABLE', `The thread of ${location} ended unexpectedly. The next call starts it again.`, { cause })
      const calls = [...pending.values()]
      pending.clear()
      for (const { reject } of calls) reject(error)
    })
    for (const [id, { queues }] of watches) started.postMessage({ type: 'watch', id, queues } satisfies ToThread)
    return started
  }

  function receive(message: FromThread): void {
    if (message.type === 'notice') notices[message.level](message.message, message.facts)
    else if (message.type === 'arrival') watches.get(message.id)?.onArrival()
    else answer(message)
  }

  function answer(message: Extract<FromThread, { readonly type: 'answer' | 'failure' }>): void {
    const call = pending.get(message.id)
    pending.delete(message.id)
    // An idle Kerja does not keep its process alive.
    if (pending.size === 0) thread?.unref()
    if (message.type === 'answer') call?.resolve(message.value)
    else call?.reject(decodeError(message.error))
  }

  function call<Value>(name: CallName, argument?: unknown): Promise<Value> {
    return new Promise((resolve, reject) => {
      thread ??= start()
      lastId += 1
      pending.set(lastId, { resolve: resolve as (value: unknown) => void, reject })
      thread.ref()
      thread.postMessage({ type: 'call', id: lastId, name, argument } satisfies ToThread)
    })
  }

  async function close(): Promise<void> {
    watches.clear()
    const ending = thread
    if (ending === undefined) return
    const exited = new Promise<void>((resolve) => ending.once('exit', () => resolve()))
    const timer = setTimeout(() => void ending.terminate(), CLOSE_MS_MAX)
    await call('close').catch(() => undefined)
    await exited
    clearTimeout(timer)
  }

  return {
    open: () => call('open'),
    close,
    send: async (messages) => decodeAnswers(await call('send', messages)),
    receive: (request) => call('receive', request),
    hold: (claims) => call('hold', claims),
    end: async (endings) => decodeAnswers<EndResult>(await call('end', endings)),
    depth: (...asked) => call('depth', asked),
    watch(queues, onArrival) {
      lastId += 1
      const id = lastId
      watches.set(id, { queues, onArrival })
      // A thread that starts is told by that.
      if (thread !== undefined) thread.postMessage({ type: 'watch', id, queues } satisfies ToThread)
      else thread = start()
      return () => {
        if (watches.delete(id)) thread?.postMessage({ type: 'unwatch', id } satisfies ToThread)
      }
    },
    heartbeat: {
      kind: 'thread',
      module: new URL('./thread-holder.js', import.meta.url).href,
      config: null,
      host(beats) {
        thread ??= start()
        thread.postMessage({ type: 'host', beats } satisfies ToThread, [beats.port])
      },
    },
  }
}

/** An idle thread keeps no process alive. `onExit` is told why it died, where that is known. */
function startThread(data: ThreadData, onMessage: (message: FromThread) => void, onExit: (cause: unknown) => void): Worker {
  const thread = new Worker(new URL('./thread.js', import.meta.url), { workerData: data, name: 'kerja-broker', execArgv: [] })
  thread.unref()
  let cause: unknown
  thread.on('message', onMessage)
  thread.on('error', (error) => {
    cause = error
  })
  thread.on('exit', () => onExit(cause))
  return thread
}

function decodeAnswers<Answer>(answers: readonly (Answer | { readonly error: ErrorData })[]): Answer[] {
  const isEncoded = (answer: unknown): answer is { readonly error: ErrorData } => typeof answer === 'object' && answer !== null && 'error' in answer
  return answers.map((answer) => (isEncoded(answer) ? (decodeError(answer.error) as Answer) : answer))
}
