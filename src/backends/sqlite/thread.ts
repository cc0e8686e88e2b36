/** The engine thread: owns the connection, and turns messages into groups. */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { type Call, createGroups } from './group.js'
import type { StoreConfig } from './options.js'
import { createTouch } from './wake.js'

/** To the thread. `close` comes last. */
export interface ToThread {
  readonly calls: readonly Call[]
  readonly guest?: Guest
  readonly close?: boolean
}

/** Work that shares the thread: the renewal of a worker's leases (`HeartbeatSource`). */
export interface Guest {
  readonly runner: string
  readonly port: MessagePort
  readonly data: unknown
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

async function receive({ runner, port, data }: Guest): Promise<void> {
  const { runBeats } = (await import(runner)) as { runBeats(port: MessagePort, data: unknown): Promise<void> }
  await runBeats(port, data)
}

function accept({ calls, guest, close }: ToThread): void {
  for (const call of calls) backlog.push(call)
  if (guest !== undefined) void receive(guest)
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

/** One group, and then a turn of the event loop, so that guests and timers have their time while calls keep arriving. */
function work(): void {
  turn = undefined
  acceptAll()
  if (backlog.length > 0) groups.run(takeGroup(), takeMore)
  acceptAll()
  if (backlog.length > 0) turn = setImmediate(work)
  else if (closing) close()
  else trimTimer ??= setTimeout(trim, TRIM_INTERVAL_MS)
}

function close(): void {
  clearTimeout(trimTimer)
  touch.close()
  groups.close()
  port.close()
}

port.on('message', (first: ToThread) => {
  accept(first)
  if (turn === undefined) work()
})
