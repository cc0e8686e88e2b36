/** The engine thread: owns the connection, and turns messages into groups. */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { type Call, createGroups } from './group.js'
import type { StoreConfig } from './options.js'
import { createTouch } from './wake.js'

/** To the thread. `close` comes last. */
export interface ToThread {
  readonly calls: readonly Call[]
  readonly close?: boolean
}

/** The journal's size is looked at this often while there is work. */
const TRIM_INTERVAL_MS = 1_000
/** Jobs pushed in one commit; more wait for the next, so that settlements and claims that arrive meanwhile go between. A single larger call stays whole. */
const PUSHED_JOBS_MAX = 2_000

const port = parentPort
if (port === null) throw new Error('kerja: backends/sqlite/thread.js runs only as a worker thread')

const config = workerData as StoreConfig
const touch = createTouch(config.path)
const groups = createGroups(config, (replies, effects) => {
  // Before the answers: a producer may end its process as soon as it has one.
  if (effects.available) touch.touch('available')
  port.postMessage({ replies, ...effects })
  if (effects.changed) touch.touch('changed')
})
let trimTimer: NodeJS.Timeout | undefined
let trimmedAt = performance.now()
let backlog: Call[] = []
let closing = false

function accept({ calls, close }: ToThread): void {
  for (const call of calls) backlog.push(call)
  closing ||= close === true
}

/** Whatever has arrived shares the next commit. */
function acceptAll(): void {
  for (let next = receiveMessageOnPort(port as MessagePort); next !== undefined; next = receiveMessageOnPort(port as MessagePort))
    accept(next.message as ToThread)
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
  clearTimeout(trimTimer)
  trimTimer = undefined
  trimmedAt = performance.now()
  groups.trim()
}

port.on('message', (first: ToThread) => {
  accept(first)
  for (acceptAll(); backlog.length > 0; acceptAll()) {
    groups.run(takeGroup(), takeMore)
    // While calls keep arriving there is no turn of the event loop, and no timer fires.
    if (performance.now() - trimmedAt >= TRIM_INTERVAL_MS) trim()
  }
  if (closing) {
    clearTimeout(trimTimer)
    touch.close()
    groups.close()
    port.close()
    return
  }
  trimTimer ??= setTimeout(trim, TRIM_INTERVAL_MS)
})
