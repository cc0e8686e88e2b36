// `kerja move`: what it prints, its exit codes, and what it refuses.
import { existsSync } from 'node:fs'
import { defineJob, defineSchedule, Kerja, type } from 'kerja'
import { sqlite } from 'kerja/sqlite'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openHandle } from '../sqlite/support.js'
import { newSchema, postgresUrl, withClient } from '../support/postgres.js'
import { createProject, json, kerja, type Project, start } from './run.js'

const job = defineJob({ kind: 'mail.welcome', payload: type<{ n: number }>(), queue: 'mail' })

let project: Project
let from: string
beforeAll(() => {
  project = createProject()
  from = `${project.folder}/old.db`
})
afterAll(() => project.remove())

const at = (name: string): string => `sqlite:${project.folder}/${name}`
const move = (...args: readonly string[]) => kerja(['move', ...args], { cwd: project.folder })

async function fill(url: string, count: number): Promise<void> {
  const old = new Kerja({ backend: url, logger: 'silent' })
  await old.enqueueMany(Array.from({ length: count }, (_, n) => job.with({ n }, n % 2 === 0 ? { idempotencyKey: `${n}` } : {})))
  await old.schedules.upsert(defineSchedule('nightly', job.with({ n: 0 }), { cron: '0 2 * * *' }))
  await old.queues.pause('mail')
  await old.close()
}

interface MoveJson {
  readonly done: boolean
  readonly jobs: { readonly moved: number; readonly duplicate: number }
  readonly keys: number
}

describe('kerja move', () => {
  it('says what there is to move, and changes nothing', async () => {
    await fill(at('old.db'), 100)
    const plan = await json<Record<string, unknown>>(['move', '--from', at('old.db'), '--to', at('new.db'), '--dry-run'])
    expect(plan).toMatchObject({ dryRun: true, jobs: 100, running: 0, history: 0, keys: 50, schedules: ['nightly'], pausedQueues: ['mail'] })
    expect(plan.targetMigrations).toBeGreaterThan(0)
    expect(existsSync(`${project.folder}/new.db`)).toBe(false)
    const { stdout } = await move('--from', 'sqlite:old.db', '--to', 'sqlite:new.db', '--dry-run')
    expect(stdout).toMatch(/nothing was changed[\s\S]*100 waiting jobs[\s\S]*50 idempotency keys, 1 schedules, 1 paused queues/)
  })

  it('moves, with a summary for people and lines of progress where there is no terminal', async () => {
    const { code, stdout, stderr } = await move('--from', 'sqlite:old.db', '--to', 'sqlite:new.db')
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/100 jobs, 0 ended jobs, 50 idempotency keys, 1 schedules, 1 paused queues/),
    })
    expect(stderr).toMatch(/jobs {2}100% {2}100\/100/)
    const { jobs } = await json<{ jobs: readonly unknown[] }>(['jobs', 'list', '--limit', '200', '--backend', at('new.db')])
    expect(jobs.length).toBe(100)
    const again = await json<MoveJson>(['move', '--from', at('old.db'), '--to', at('new.db')])
    expect(again).toMatchObject({ done: true, dryRun: false, jobs: { moved: 0 }, stopped: false, running: 0, refusals: [] })
  })

  it('ends with 1 when it is stopped or a job still runs, and goes on when begun again', async () => {
    await fill(at('busy.db'), 300)
    const old = sqlite(`${project.folder}/busy.db`)
    onTestFinished(() => old.close())
    await old.coordination.resumeQueue('mail')
    const workerId = 'a worker that is busy'
    const served = { queues: ['mail'], kinds: [{ kind: 'mail.welcome', version: 1 }], schedules: [] }
    await old.coordination.registerWorker({
      id: workerId,
      name: workerId,
      host: 'here',
      pid: process.pid,
      version: '0.0.0',
      ...served,
      concurrency: 1,
      leaseMs: 600_000,
    })
    const kinds = [{ kind: 'mail.welcome', version: 1, leaseMs: null }]
    const { jobs } = await old.queue.claim({ workerId, limit: 1, queues: new Map([['mail', 1]]), kinds, alone: false, expiredRetentionMs: 1_000 })
    const args = ['move', '--from', at('busy.db'), '--to', at('elsewhere.db')]
    const unfinished = await json<MoveJson>(args)
    expect(unfinished).toMatchObject({ done: false, stopped: false, running: 1, jobs: { moved: 299 }, keys: 150 })

    // With --wait it does not end by itself while that job runs.
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const waiting = start([...args, '--wait', ...(signal === 'SIGINT' ? ['--json'] : [])])
      await expect.poll(async () => (await old.coordination.workers()).some(({ name }) => name === 'forwarder'), { timeout: 20_000 }).toBe(true)
      waiting.kill(signal)
      const { code, stdout } = await waiting.ended
      expect(code).toBe(1)
      if (signal === 'SIGINT') expect(JSON.parse(stdout)).toMatchObject({ done: false, stopped: true, running: 1 })
      else expect(stdout).toMatch(/1 jobs still run at the old store[\s\S]*Run it again: it goes on where it was/)
    }

    await old.queue.settle(jobs.map(({ jobId, token, handle }) => ({ lease: { jobId, token, handle }, outcome: 'release' })))
    expect(await json<MoveJson>(args)).toMatchObject({ done: true, running: 0, jobs: { moved: 1 } })
  }, 60_000)

  it.each([
    ['no --to', ['--from', 'sqlite:old.db'], 2, 'USAGE', /--to/],
    ['an unknown scheme', ['--from', 'mongodb://u:secret@h/db', '--to', 'sqlite:x.db'], 2, 'BACKEND_UNKNOWN', /mongodb/],
    ['the same file', ['--from', 'sqlite:old.db', '--to', 'sqlite:./old.db'], 2, 'USAGE', /same store/],
    ['a store that dies with the process', ['--from', 'sqlite:old.db', '--to', 'memory:'], 2, 'USAGE', /--to is memory:/],
    ['a file that does not exist', ['--from', 'sqlite:typo.db', '--to', 'sqlite:x.db'], 3, 'STORE_NOT_FOUND', /typo\.db does not exist.*--from/],
    ['a folder that does not exist', ['--from', 'sqlite:old.db', '--to', 'sqlite:no/where/x.db'], 4, 'BACKEND_UNAVAILABLE', /folder/],
  ] as const)('refuses %s', async (_what, args, exitCode, errorCode, words) => {
    const { code, stderr, stdout } = await move(...args)
    expect({ code, stderr, stdout }).toMatchObject({ code: exitCode, stderr: expect.stringContaining(errorCode), stdout: '' })
    expect(stderr).toMatch(words)
    expect(stderr).not.toContain('secret')
    expect(existsSync(`${project.folder}/typo.db`)).toBe(false)
  })

  it('refuses a PostgreSQL that cannot be reached, one that forbids its tables, and one without any', async () => {
    await fill(at('for-postgres.db'), 10)
    const away = await move('--from', 'sqlite:for-postgres.db', '--to', 'postgres://ana:secret@127.0.0.1:1/app')
    expect(away).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining('BACKEND_UNAVAILABLE') })
    expect(away.stderr).not.toContain('secret')
    const role = `${newSchema()}_role`
    await withClient((client) => client.query(`CREATE ROLE ${role} LOGIN`))
    onTestFinished(() => withClient(async (client) => void (await client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`))))
    const url = new URL(postgresUrl())
    url.searchParams.set('schema', newSchema())
    const empty = await move('--from', url.href, '--to', 'sqlite:x.db')
    expect(empty).toMatchObject({ code: 3, stderr: expect.stringMatching(/STORE_NOT_FOUND.*no tables of Kerja/) })
    url.username = role
    const forbidden = await move('--from', 'sqlite:for-postgres.db', '--to', url.href)
    expect(forbidden).toMatchObject({ code: 4, stdout: '', stderr: expect.stringMatching(/error [A-Z_]+: .*(GRANT|privilege|permission)/) })
    const { jobs } = await json<{ jobs: readonly { state: string }[] }>(['jobs', 'list', '--backend', at('for-postgres.db')])
    expect(jobs.map(({ state }) => state)).toEqual(Array(10).fill('available'))
  })

  it('refuses a database without tables of Kerja, and one of a newer version', async () => {
    const other = openHandle(`${project.folder}/other.db`)
    other.exec('CREATE TABLE users (id INTEGER)')
    other.close()
    const empty = await move('--from', 'sqlite:other.db', '--to', 'sqlite:x.db')
    expect(empty).toMatchObject({ code: 3, stderr: expect.stringMatching(/STORE_NOT_FOUND.*no tables of Kerja/) })
    const newer = openHandle(from)
    newer.exec("INSERT INTO kerja_migrations (version, name, applied_at) VALUES (99, 'from the future', 0)")
    newer.close()
    const refused = await move('--from', 'sqlite:old.db', '--to', 'sqlite:x.db')
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringMatching(/STORE_VERSION.*Update the kerja package/) })
    const target = await move('--from', at('new.db'), '--to', 'sqlite:old.db')
    expect(target).toMatchObject({ code: 4, stderr: expect.stringMatching(/STORE_VERSION.*Update the kerja package/) })
  })
})
