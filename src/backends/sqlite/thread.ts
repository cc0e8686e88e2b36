/**
 * The engine thread: owns the connection, turns messages into groups, and renews the leases of the process's workers.
 *
 * States: idle → working (a turn of the event loop is due) → idle … → closed, once the backlog is empty. A crash loses what was not committed;
 * the main thread rejects it.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { BeatsModule, HostedBeats } from '../../contract/backend.js'
import { type Call, createGroups } from './group.js'
import type { StoreConfig } from './options.js'
import { createTouch } from './wake.js'

/** To the thread. `close` comes last. */
export interface ToThread {
  readonly calls: readonly Call[]
  readonly beats?: HostedBeats
  readonly close?: boolean
}

/** The journal's size is looked at this often while there is work. */
const TRIM_INTERVAL_MS = 1_000
/** Jobs pushed in one commit; more wait for the next, so that settlements and claims that arrive meanwhile go between. A single larger call stays whole. */
const PUSHED_JOBS_MAX = 2_000

if (parentPort === null) throw new Error('kerja: backends/sqlite/thread.js runs only as a worker thread')
const port: MessagePort = parentPort

const config = workerData as StoreConfig
const touch = createTouch(config.path)
const groups = createGroups(config, (replies, effects) => {
  // Before the answers: a producer may end its process as soon as it has one.
  if (effects.available) touch.touch('available')
  port.postMessage({ replies, ...effects })
  if (effects.changed) touch.touch('changed')
})
let trimTimer: NodeJS.Timeout | undefined
let turn: NodeJS.Immediate | undefined
let backlog: Call[] = []
let closing = false
/** Closed with the thread: an open port would keep it alive. */
const hosted = new Set<MessagePort>()

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

function accept({ calls, beats, close }: ToThread): void {
  for (const call of calls) backlog.push(call)
  if (beats !== undefined) void host(beats)
  closing ||= close === true
}

/** Whatever has arrived shares the next commit. */
function acceptAll(): void {
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) accept(next.message as ToThread)
}

const pushedBy = ({ name, args }: Call): number => (name === 'push' ? (args[0] as readonly unknown[]).length : 0)

/** All that waits and may join `others`, but for pushes beyond the limit. */
function takeGroup(others: readonly Call[] = [], mayJoin: (call: Call) => boolean = () => true): Call[] {
  const group: Call[] = []
  const later: Call[] = []
  let jobCount = others.reduce((sum, call) => sum + pushedBy(call), 0)
  for (const call of backlog) {
    const pushed = pushedBy(call)
    const fits = mayJoin(call) && (pushed === 0 || jobCount === 0 || jobCount + pushed <= PUSHED_JOBS_MAX)
    if (fits) jobCount += pushed
    const into = fits ? group : later
    into.push(call)
  }
  backlog = later
  return group
}

/** What arrived while the group waited for the write lock goes into the same commit. */
function takeMore(group: readonly Call[], mayJoin: (call: Call) => boolean): Call[] {
  acceptAll()
  return takeGroup(group, mayJoin)
}

function trim(): void {
  trimTimer = undefined
  groups.trim()
}

/** One group, and then a turn of the event loop, so that beats and timers have their time while calls keep arriving. */
function work(): void {
  turn = undefined
  acceptAll()
  if (backlog.length > 0) groups.run(takeGroup(), takeMore)
  acceptAll()
  if (backlog.length === 0 && closing) {
    close()
    return
  }
  trimTimer ??= setTimeout(trim, TRIM_INTERVAL_MS)
  if (backlog.length > 0) turn = setImmediate(work)
}

function close(): void {
  clearTimeout(trimTimer)
  for (const beatsPort of hosted) beatsPort.close()
  touch.close()
  groups.close()
  port.close()
}

port.on('message', (first: ToThread) => {
  accept(first)
  if (turn === undefined) work()
})
