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
import { pushedBy } from './wire.js'

export interface ThreadData {
  readonly config: StoreConfig
  /** 1 while the main thread's turn has sent a part of what it pushes. */
  readonly turn: Int32Array
}

/** To the thread. `close` comes last. */
export interface ToThread {
  readonly calls: readonly Call[]
  readonly beats?: HostedBeats
  readonly close?: boolean
}

/** The journal's size is looked at this often while there is work. */
const TRIM_INTERVAL_MS = 1_000
/** A turn that takes longer than this, with a part of its jobs sent, is not waited for: the rest goes into the next commit. */
const FOLLOWING_MS_MAX = 1
/** Jobs pushed in one commit; more wait for the next, so that settlements and claims that arrive meanwhile go between. A single larger call stays whole. */
const PUSHED_JOBS_MAX = 2_000

if (parentPort === null) throw new Error('kerja: backends/sqlite/thread.js runs only as a worker thread')
const port: MessagePort = parentPort

const { config, turn: mainTurn } = workerData as ThreadData
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

/** All that waits and may join `others`, but for pushes beyond the limit. */
function takeGroup(others: readonly Call[] = [], mayJoin: (call: Call) => boolean = () => true): Call[] {
  const group: Call[] = []
  const later: Call[] = []
  let jobCount = others.reduce((sum, call) => sum + pushedBy(call.name, call.args), 0)
  for (const call of backlog) {
    const pushed = pushedBy(call.name, call.args)
    const fits = mayJoin(call) && (pushed === 0 || jobCount === 0 || jobCount + pushed <= PUSHED_JOBS_MAX)
    if (fits) jobCount += pushed
    const into = fits ? group : later
    into.push(call)
  }
  backlog = later
  return group
}

/** What arrived while the group waited for the write lock goes into the same commit. */
function takeArrived(group: readonly Call[], mayJoin: (call: Call) => boolean): Call[] {
  acceptAll()
  return takeGroup(group, mayJoin)
}

/** And what the turn that pushed a part of its jobs pushes after it. Looked for without a pause: it comes sooner than this thread could wake again. */
function takeFollowing(group: readonly Call[], mayJoin: (call: Call) => boolean): Call[] {
  const lookUntil = performance.now() + FOLLOWING_MS_MAX
  for (let isOver = false; !isOver; ) {
    // Asked first: what the turn sent last is there once it is over.
    isOver = Atomics.load(mainTurn, 0) === 0 || performance.now() >= lookUntil
    const following = takeArrived(group, mayJoin)
    if (following.length > 0) return following
  }
  return []
}

function trim(): void {
  trimTimer = undefined
  groups.trim()
}

/** One group, and then a turn of the event loop, so that beats and timers have their time while calls keep arriving. */
function work(): void {
  turn = undefined
  acceptAll()
  if (backlog.length > 0) groups.run(takeGroup(), { arrived: takeArrived, following: takeFollowing })
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
