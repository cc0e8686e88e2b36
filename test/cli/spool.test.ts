// `kerja spool`: what it prints, its exit codes, and what it refuses.
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineJob, Kerja, type } from 'kerja'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createProject, json, kerja, type Project } from './run.js'

const job = defineJob({ kind: 'mail.welcome', payload: type<{ n: number }>() })
/** Nothing listens there. */
const AWAY = 'postgres://ana:secret@127.0.0.1:1/app'

let project: Project
beforeAll(() => {
  project = createProject()
})
afterAll(() => project.remove())

const at = (name: string): string => join(project.folder, name)
const spool = (...args: readonly string[]) => kerja(['spool', ...args], { cwd: project.folder })
const filesOf = (folder: string, ending = '.spool') => readdirSync(at(folder)).filter((file) => file.endsWith(ending))

/** Jobs that a process spooled that is gone. */
async function fill(name: string, count: number): Promise<string[]> {
  const producer = new Kerja({ backend: AWAY, logger: 'silent', spool: { path: at(name), ephemeral: true } })
  const receipts = await producer.enqueueMany(Array.from({ length: count }, (_, n) => job.with({ n })))
  await producer.close()
  return receipts.map(({ id }) => id)
}

describe('kerja spool', () => {
  it('shows what waits, and drains it, once', async () => {
    const ids = await fill('one', 30)
    const status = await json<Record<string, unknown>>(['spool', 'status', at('one')])
    expect(status).toMatchObject({ jobCount: 30, damagedCount: 0, aside: [], files: [{ jobCount: 30, isAlive: false }] })
    expect(status.oldestAgeMs).toBeGreaterThanOrEqual(0)
    const { stdout } = await spool('status', 'one')
    expect(stdout).toMatch(/one: 30 jobs, the oldest for [\s\S]*PROCESS +RUNS +JOBS/)
    const store = `sqlite:${at('one.db')}`
    const drained = await spool('drain', 'one', '--backend', store)
    expect(drained).toMatchObject({ code: 0, stdout: expect.stringMatching(/one → .*one\.db: 30 jobs/) })
    const { jobs } = await json<{ jobs: readonly { id: string }[] }>(['jobs', 'list', '--limit', '200', '--backend', store])
    expect(jobs.map(({ id }) => id).sort()).toEqual(ids.sort())
    expect(await json(['spool', 'drain', at('one'), '--backend', store])).toMatchObject({ accepted: 0, kept: 0, stopped: false })
    expect(readdirSync(at('one'))).toEqual([])
  })

  it('takes its folder from the configuration, relative to that', async () => {
    await fill('configured', 2)
    writeFileSync(at('kerja.config.mjs'), "export default { spool: { path: './configured' }, backend: 'sqlite:configured.db' }\n")
    expect(await spool('status')).toMatchObject({ code: 0, stdout: expect.stringContaining('configured: 2 jobs') })
    const inFolder = (...args: readonly string[]) => kerja(args, { cwd: project.folder })
    expect(await inFolder('status')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^spool {6}2 jobs, the oldest for /m) })
    const unreachable = await inFolder('status', '--json', '--backend', AWAY)
    expect(JSON.parse(unreachable.stdout)).toMatchObject({ backend: { reachable: false }, spool: { jobCount: 2, asideCount: 0 } })
    expect(await spool('drain')).toMatchObject({ code: 0, stdout: expect.stringContaining('2 jobs') })
    expect(JSON.parse((await inFolder('status', '--json')).stdout)).toMatchObject({ spool: { jobCount: 0, oldestAgeMs: null } })
  })

  it('drains one file, and merges what is there already', async () => {
    await fill('two', 5)
    const [file = ''] = filesOf('two')
    copyFileSync(join(at('two'), file), at('rescued.spool'))
    const store = `sqlite:${at('two.db')}`
    expect(await json(['spool', 'drain', at('two'), '--backend', store])).toMatchObject({ accepted: 5 })
    const status = await json<Record<string, unknown>>(['spool', 'status', at('rescued.spool')])
    expect(status).toMatchObject({ jobCount: 5 })
    expect(await json(['spool', 'drain', at('rescued.spool'), '--backend', store])).toMatchObject({ accepted: 0, duplicate: 5 })
    expect(await spool('status', 'rescued.spool')).toMatchObject({ code: 3 })
  })

  it('says what is damaged, sets it aside, and ends with 1', async () => {
    await fill('broken', 4)
    const path = join(at('broken'), filesOf('broken')[0] as string)
    const bytes = readFileSync(path)
    bytes[30] = (bytes[30] as number) ^ 1
    writeFileSync(path, bytes)
    expect(await json(['spool', 'status', at('broken')])).toMatchObject({ jobCount: 3, damagedCount: 1 })
    const { code, stdout } = await spool('drain', 'broken', '--backend', 'sqlite:broken.db')
    expect({ code, stdout }).toMatchObject({ code: 1, stdout: expect.stringMatching(/3 jobs[\s\S]*1 damaged parts were set aside/) })
    expect(filesOf('broken', '.damaged').length).toBe(1)
    expect(await spool('status', 'broken')).toMatchObject({ stdout: expect.stringMatching(/0 jobs[\s\S]*set aside: .*\.damaged/) })
    const [damaged = ''] = filesOf('broken', '.damaged')
    const again = await spool('drain', join('broken', damaged), '--backend', 'sqlite:broken.db')
    expect(again).toMatchObject({ code: 1, stdout: expect.stringContaining('1 damaged parts stay in the file') })
    expect(filesOf('broken', '.damaged')).toEqual([damaged])
  })

  it('leaves to a running process what is its own', async () => {
    const producer = new Kerja({ backend: AWAY, logger: 'silent', spool: { path: at('busy'), ephemeral: true } })
    await producer.enqueue(job, { n: 1 })
    expect(await json(['spool', 'status', at('busy')])).toMatchObject({ jobCount: 1, files: [{ isAlive: true }] })
    expect(await json(['spool', 'drain', at('busy'), '--backend', `sqlite:${at('busy.db')}`])).toMatchObject({ accepted: 0, kept: 1 })
    const { stdout } = await spool('drain', 'busy', '--backend', 'sqlite:busy.db')
    expect(stdout).toContain('1 stay: their processes run, or wrote less than 30s ago')
    // One that is named is drained all the same.
    const file = join('busy', filesOf('busy')[0] as string)
    expect(await spool('drain', file, '--backend', 'sqlite:busy.db')).toMatchObject({ code: 0, stdout: expect.stringContaining(': 1 jobs') })
    expect(filesOf('busy')).toEqual([])
    await producer.close()
  })

  it.each([
    ['a folder that does not exist', ['status', 'nowhere'], 3, 'SPOOL_NOT_FOUND', /nowhere does not exist/],
    ['no path and no configuration', ['drain', '--config', 'other.config.mjs'], 2, 'USAGE', /spool\.path/],
    ['a backend of an unknown kind', ['drain', 'two', '--backend', 'mongodb://u:secret@h/db'], 2, 'BACKEND_UNKNOWN', /mongodb/],
    ['a backend that cannot be reached', ['drain', 'two', '--backend', AWAY], 4, 'BACKEND_UNAVAILABLE', /127\.0\.0\.1:1/],
  ] as const)('refuses %s', async (_what, args, exitCode, errorCode, words) => {
    writeFileSync(at('other.config.mjs'), 'export default {}\n')
    const { code, stderr, stdout } = await spool(...args)
    expect({ code, stderr, stdout }).toMatchObject({ code: exitCode, stderr: expect.stringContaining(errorCode), stdout: '' })
    expect(stderr).toMatch(words)
    expect(stderr).not.toContain('secret')
  })
})
