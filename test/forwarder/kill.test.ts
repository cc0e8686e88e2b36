// A move that is killed again and again, at any point, ends with every job once at the target and none at the source.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { sqlite } from 'kerja/sqlite'
import { expect, it } from 'vitest'
import { kerja } from '../cli/run.js'
import { temporaryStore } from '../support/backends.js'
import { newJob, statesOf } from './support.js'

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname
const JOB_COUNT = 20_000
const KILLS_MIN = 5
/** When each is killed: so long after its first line of progress, which is spread over what a batch takes, or after its start. */
const KILLS: readonly { readonly after: 'progress' | 'start'; readonly ms: number }[] = [
  { after: 'progress', ms: 0 },
  { after: 'start', ms: 500 },
  { after: 'progress', ms: 11 },
  { after: 'start', ms: 700 },
  { after: 'progress', ms: 29 },
  { after: 'progress', ms: 5 },
  { after: 'start', ms: 900 },
  { after: 'progress', ms: 41 },
]

it('survives SIGKILL at any point, and merges what is at both stores', async () => {
  const [from, to] = [temporaryStore(), temporaryStore()]
  const source = sqlite(from)
  await source.open()
  const jobs = Array.from({ length: JOB_COUNT }, (_, n) =>
    newJob({ payload: JSON.stringify({ n, text: 'x'.repeat(200) }), ...(n % 7 === 0 ? { delayMs: 86_400_000, tags: ['later'] } : {}) }),
  )
  for (let at = 0; at < JOB_COUNT; at += 2_000) await source.queue.push(jobs.slice(at, at + 2_000))
  await source.close()
  const args = ['move', '--from', `sqlite:${from}`, '--to', `sqlite:${to}`]

  let killCount = 0
  for (const { after, ms } of KILLS) {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    const gone = once(child, 'exit')
    if (after === 'progress') await Promise.race([once(child.stderr, 'data'), gone])
    await sleep(ms)
    child.kill('SIGKILL')
    const [, signal] = (await gone) as [number | null, string | null]
    if (signal === 'SIGKILL') killCount += 1
    else break
  }
  expect(killCount).toBeGreaterThanOrEqual(KILLS_MIN)

  const { code, stderr } = await kerja([...args, '--json'])
  expect(stderr).not.toMatch(/error/)
  expect(code).toBe(0)
  const [here, there] = [sqlite(from), sqlite(to)]
  const states = await statesOf(there)
  expect((await statesOf(here)).size).toBe(0)
  expect([...states.keys()].sort()).toEqual(jobs.map(({ id }) => id).sort())
  expect([...states.values()].filter((state) => state === 'scheduled').length).toBe(Math.ceil(JOB_COUNT / 7))
  expect((await there.ledger.list({ limit: 200 })).jobs.filter(({ attempt, crashCount }) => attempt > 0 || crashCount > 0)).toEqual([])
  await Promise.all([here.close(), there.close()])
}, 120_000)
