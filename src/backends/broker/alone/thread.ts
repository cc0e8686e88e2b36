/**
 * The thread of a transport: it owns the connection and keeps what is held, also while a handler blocks the main thread.
 *
 * States: opening (the transport is made) → serving → closed. Its death ends the connection, and the broker hands out again what was held.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { BeatsModule, HostedBeats } from '../../../contract/backend.js'
import type { Notices } from '../notices.js'
import type { Carrier } from './carrier.js'
import { createHolder, type Holder } from './holder.js'
import type { LoneTransport } from './lone-transport.js'
import { type ErrorData, encodeError } from './thread-errors.js'
import { setHolder } from './thread-holder.js'

/** What a transport must export to be run in a thread. */
export interface TransportModule {
  /** `config` is plain data. No I/O yet. */
  openTransport(config: unknown, notices: Notices): LoneTransport | Promise<LoneTransport>
}

export interface ThreadData {
  /** A `TransportModule`. */
  readonly module: string
  readonly config: unknown
}

export type CallName = 'open' | 'close' | 'send' | 'receive' | 'hold' | 'end' | 'depth'

export type ToThread =
  | { readonly type: 'call'; readonly id: number; readonly name: CallName; readonly argument: unknown }
  | { readonly type: 'watch'; readonly id: number; readonly queues: readonly string[] }
  | { readonly type: 'unwatch'; readonly id: number }
  | { readonly type: 'host'; readonly beats: HostedBeats }

export type FromThread =
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly error: ErrorData }
  | { readonly type: 'arrival'; readonly id: number }
  | {
      readonly type: 'notice'
      readonly level: keyof Notices
      readonly message: string
      readonly facts: Readonly<Record<string, unknown>> | undefined
    }

if (parentPort === null) throw new Error('kerja: backends/broker/alone/thread.js runs only as a worker thread')
const port: MessagePort = parentPort
const post = (message: FromThread): void => port.postMessage(message)

/** Closed with the thread: an open port would keep it alive. */
const hosted = new Set<MessagePort>()
const watches = new Map<number, () => void>()

/** Errors among the answers are written down. */
const encodeAnswers = (answers: readonly unknown[]): unknown[] =>
  answers.map((answer) => (answer instanceof Error ? { error: encodeError(answer) } : answer))

type Served = { readonly [Name in CallName]: (holder: Holder, argument: never) => Promise<unknown> }

const SERVED: Served = {
  open: (holder) => holder.open(),
  close: (holder) => holder.close(),
  send: async (holder, messages: Parameters<Carrier['send']>[0]) => encodeAnswers(await holder.send(messages)),
  receive: (holder, request: Parameters<Carrier['receive']>[0]) => holder.receive(request),
  hold: (holder, claims: Parameters<Carrier['hold']>[0]) => holder.hold(claims),
  end: async (holder, endings: Parameters<Carrier['end']>[0]) => encodeAnswers(await holder.end(endings)),
  depth: (holder, [queue, rank]: Parameters<Carrier['depth']>) => holder.depth(queue, rank),
}

async function serve(holder: Holder, id: number, name: CallName, argument: unknown): Promise<void> {
  try {
    post({ type: 'answer', id, value: await SERVED[name](holder, argument as never) })
  } catch (error) {
    post({ type: 'failure', id, error: encodeError(error) })
  }
  if (name === 'close') end()
}

function end(): void {
  for (const beatsPort of hosted) beatsPort.close()
  port.close()
}

async function host({ runner, port: beatsPort, data }: HostedBeats): Promise<void> {
  hosted.add(beatsPort)
  beatsPort.once('close', () => hosted.delete(beatsPort))
  try {
    const { runBeats } = (await import(runner)) as BeatsModule
    // Closed meanwhile: nobody would end the beats.
    if (hosted.has(beatsPort)) await runBeats(beatsPort, data)
  } catch {
    // The worker sees its port close, and fails to start; the others of this thread go on.
    beatsPort.close()
  }
}

async function start(): Promise<Holder> {
  const { module, config } = workerData as ThreadData
  const { openTransport } = (await import(module)) as TransportModule
  const tell =
    (level: keyof Notices): Notices[typeof level] =>
    (message, facts) =>
      post({ type: 'notice', level, message, facts: facts === undefined ? undefined : JSON.parse(JSON.stringify(facts)) })
  const holder = createHolder(await openTransport(config, { info: tell('info'), warn: tell('warn') }))
  setHolder(holder)
  return holder
}

const starting = start()
// Whoever calls is told.
starting.catch(() => undefined)

function accept(holder: Holder, message: ToThread): void {
  if (message.type === 'call') return void serve(holder, message.id, message.name, message.argument)
  if (message.type === 'host') return void host(message.beats)
  watches.get(message.id)?.()
  watches.delete(message.id)
  if (message.type === 'watch')
    watches.set(
      message.id,
      holder.watch(message.queues, () => post({ type: 'arrival', id: message.id })),
    )
}

port.on('message', (message: ToThread) => {
  starting.then(
    (holder) => accept(holder, message),
    (error: unknown) => {
      if (message.type === 'host') message.beats.port.close()
      if (message.type === 'call') post({ type: 'failure', id: message.id, error: encodeError(error) })
    },
  )
})
