/** Starts a part of a scenario in a fresh process, so that its memory and its compiled code are its own. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { openMailbox } from './mailbox.mjs'

const ENTRY = fileURLToPath(new URL('./child.mjs', import.meta.url))

/**
 * Runs `roles[role]` of the scenario, or its `run`, with `args`. `result` resolves with what it returns, once its process is gone and no longer takes CPU
 * or writes, and rejects when it fails.
 * `kill()` ends the process as a power cut would.
 */
export function startRole(scenario, role, args, { env = {}, execPath = process.execPath } = {}) {
  const child = fork(ENTRY, [JSON.stringify({ scenario, role, args })], {
    // Its own parts run on the same Node.
    execPath,
    env: { ...process.env, ...env },
    // What a part prints goes to stderr: stdout is for the tables.
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  const mailbox = openMailbox(child)
  const result = new Promise((resolve, reject) => {
    const exited = new Promise((gone) => child.once('exit', (code, signal) => gone(signal ?? code)))
    mailbox.receive('result').then((value) => exited.then(() => resolve(value)))
    mailbox.receive('failure').then((stack) => reject(new Error(`${scenario}, ${role}: ${stack}`)))
    child.once('error', reject)
    // Node hands over every message of a child before it tells that the channel is closed.
    child.once('close', () => exited.then((how) => reject(new Error(`${scenario}, ${role} ended with ${how} before its result`))))
  })
  // A part that is killed on purpose has no result; whoever needs one awaits this and sees the rejection.
  result.catch(() => undefined)
  // Whoever waits for a message of a part that failed must hear of it, not wait on.
  const ended = result.then(() => {
    throw new Error(`${scenario}, ${role} ended before it said what was awaited`)
  })
  ended.catch(() => undefined)
  const receive = (name) => Promise.race([mailbox.receive(name), ended])
  return { send: mailbox.send, receive, result, kill: () => child.kill('SIGKILL') }
}
