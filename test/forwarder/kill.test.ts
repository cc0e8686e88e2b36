// A move that is killed again and again, at any point, ends with every job once at the target and none at the source.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Backend } from 'kerja/backend'
import { postgres } from 'kerja/postgres'
import { sqlite } from 'kerja/sqlite'
import { expect, it } from 'vitest'
import { kerja } from '../cli/run.js'
import { temporaryStore } from '../support/backends.js'
import { newSchema, postgresUrl, removeLater } from '../support/postgres.js'
import { newJob, statesOf } from './support.js'

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname
const JOB_COUNT = 20_000
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

interface Store {
  readonly url: string
  open(): Backend
}

const STORES: Readonly<Record<'sqlite' | 'postgres', () => Store>> = {
  sqlite: () => {
    const path = temporaryStore()
    return { url: `sqlite:${path}`, open: () => sqlite(path) }
  },
  postgres: () => {
    const schema = newSchema()
    removeLater(schema)
    const url = new URL(postgresUrl())
    url.searchParams.set('schema', schema)
    return { url: url.href, open: () => postgres({ url: postgresUrl(), schema }) }
  },
}

it.each([
  { from: 'sqlite', to: 'sqlite' },
  { from: 'sqlite', to: 'postgres' },
  { from: 'postgres', to: 'sqlite' },
] as const)(
  'a move from $from to $to survives SIGKILL at any point, and merges what is at both stores',
  async ({ from, to }) => {
    const [source, target] = [STORES[from](), STORES[to]()]
    const old = source.open()
    const jobs = Array.from({ length: JOB_COUNT }, (_, n) =>
      newJob({ payload: JSON.stringify({ n, text: 'x'.repeat(200) }), ...(n % 7 === 0 ? { delayMs: 86_400_000, tags: ['later'] } : {}) }),
    )
    for (let at = 0; at < JOB_COUNT; at += 2_000) await old.queue.push(jobs.slice(at, at + 2_000))
    await old.close()
    const args = ['move', '--from', source.url, '--to', target.url]

    let killCount = 0
    for (const { after, ms } of KILLS) {
      const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
      const gone = once(child, 'exit')
      if (after === 'progress') await Promise.race([once(child.stderr, 'data'), gone])
      // By time on purpose: a kill at an event of ours would never come between two of them.
      await sleep(ms)
      child.kill('SIGKILL')
      const [, signal] = (await gone) as [number | null, string | null]
      if (signal !== 'SIGKILL') break
      killCount += 1
    }
    expect(killCount).toBeGreaterThan(3)

    const { code, stdout, stderr } = await kerja([...args, '--json'])
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.not.stringMatching(/error/) })
    expect(JSON.parse(stdout)).toMatchObject({ done: true, running: 0, jobs: { lost: 0, refused: 0 } })
    const [here, there] = [source.open(), target.open()]
    const states = await statesOf(there)
    expect((await statesOf(here)).size).toBe(0)
    expect([...states.keys()].sort()).toEqual(jobs.map(({ id }) => id).sort())
    expect([...states.values()].filter((state) => state === 'scheduled').length).toBe(Math.ceil(JOB_COUNT / 7))
    expect((await there.ledger.list({ limit: 200 })).jobs.filter(({ attempt, crashCount }) => attempt > 0 || crashCount > 0)).toEqual([])
    await Promise.all([here.close(), there.close()])
  },
  180_000,
)
