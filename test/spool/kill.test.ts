// A process is killed at each step of spooling and draining, one after the other: what it answered is at the backend once, afterwards.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { sqlite } from 'kerja/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { drainFolder } from '../../dist/forwarder/drain-folder.js'
import { temporaryStore } from '../support/backends.js'
import { allJobs, spoolPath } from './support.js'

const CHILD = new URL('./kill-child.mjs', import.meta.url).pathname
/** More steps than there are: the loop ends when a child was not killed any more. */
const STEPS_MAX = 300

interface Said {
  readonly asked: readonly string[]
  readonly answered: readonly string[]
  /** Null when it was killed. */
  readonly steps: number | null
}

function run(parameters: object): Promise<Said> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(parameters)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  return new Promise((resolve) => {
    child.once('close', () => {
      const words = (what: string) => [...text.matchAll(new RegExp(`^${what} (.+)$`, 'gm'))].map(([, value]) => value as string)
      const [steps] = words('steps')
      resolve({ asked: words('asked'), answered: words('answered'), steps: steps === undefined ? null : Number(steps) })
    })
  })
}

it('kill -9 at any step, each write torn in the middle', async () => {
  const [path, store] = [spoolPath(), temporaryStore()]
  const [asked, answered] = [new Set<string>(), new Set<string>()]
  let killCount = 0
  let isOver = false
  for (let killAt = 1; !isOver && killAt < STEPS_MAX; killAt += 2) {
    // Two at a time, on one spool and one store: each finds what others have left.
    const both = await Promise.all([run({ path, store, killAt }), run({ path, store, killAt: killAt + 1 })])
    for (const said of both) {
      for (const id of said.asked) asked.add(id)
      for (const id of said.answered) answered.add(id)
      if (said.steps === null) killCount += 1
    }
    isOver = both.every(({ steps }) => steps !== null)
  }
  expect(isOver).toBe(true)
  expect(killCount).toBeGreaterThan(25)
  const backend = sqlite(store)
  onTestFinished(() => backend.close())
  await backend.open()
  await drainFolder({
    path,
    target: backend,
    again: (call) => call(),
    events: { emit: () => undefined },
    now: Date.now,
    signal: new AbortController().signal,
    onDrained: () => undefined,
  })
  const jobs = (await allJobs(backend)).map(({ id }) => id)
  expect(new Set(jobs).size).toBe(jobs.length)
  expect([...answered].filter((id) => !jobs.includes(id))).toEqual([])
  expect(jobs.filter((id) => !asked.has(id))).toEqual([])
  // What was cut off in the midst of a write was never answered; it is all that is left.
  expect(readdirSync(path).filter((file) => !file.endsWith('.damaged') && !file.endsWith('.left'))).toEqual([])
}, 280_000)
