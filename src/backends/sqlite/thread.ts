/** The engine thread: owns the connection, and turns messages into groups. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { type Call, createGroups } from './group.js'
import type { StoreConfig } from './options.js'
import { createTouch } from './wake.js'

/** To the thread. `close` comes last. */
export interface ToThread {
  readonly calls: readonly Call[]
  readonly close?: boolean
}

/** An idle moment: nothing was asked for this long. */
const IDLE_MS = 1_000

const port = parentPort
if (port === null) throw new Error('kerja: backends/sqlite/thread.js runs only as a worker thread')

const config = workerData as StoreConfig
const touch = createTouch(config.path)
const groups = createGroups(config, (replies, effects) => {
  port.postMessage({ replies, ...effects })
  // After the answers, off the path of whoever waits for them.
  if (effects.available) touch.touch('available')
  if (effects.changed) touch.touch('changed')
})
let idleTimer: NodeJS.Timeout | undefined

port.on('message', (first: ToThread) => {
  const calls = [...first.calls]
  let close = first.close === true
  // Whatever else has arrived shares the commit.
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    const message = next.message as ToThread
    calls.push(...message.calls)
    close ||= message.close === true
  }
  if (calls.length > 0) groups.run(calls)
  if (close) {
    clearTimeout(idleTimer)
    touch.close()
    groups.close()
    port.close()
    return
  }
  idleTimer ??= setTimeout(() => {
    idleTimer = undefined
    groups.idle()
  }, IDLE_MS)
})
