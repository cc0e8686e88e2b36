// `kerja doctor` finds what is wrong and says what to do.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { defineJob, Kerja, type } from 'kerja'
import { afterEach, describe, expect, it } from 'vitest'
import { createProject, json, kerja, type Project, type RunOptions } from './run.js'

interface Check {
  readonly name: string
  readonly status: 'ok' | 'warn' | 'fail'
  readonly message: string
  readonly remedy: string | null
}

const projects: Project[] = []
const project = (files: Readonly<Record<string, string>> = {}): Project => {
  const made = createProject(files)
  projects.push(made)
  return made
}
afterEach(() => {
  for (const one of projects.splice(0)) one.remove()
})

async function doctor(args: readonly string[], options: RunOptions) {
  const answer = await json<{ ok: boolean; checks: readonly Check[] }>(['doctor', ...args], options)
  return { ok: answer.ok, check: (name: string): Check | undefined => answer.checks.find((check) => check.name === name), checks: answer.checks }
}

describe('doctor', () => {
  it('is content with a new store and leaves nothing in it', async () => {
    const { folder, backend } = project()
    const { ok, check } = await doctor(['--backend', backend], { cwd: folder })
    expect(ok).toBe(true)
    for (const name of [
      'node',
      'config',
      'backend',
      'driver',
      'settings',
      'filesystem',
      'open',
      'read/write',
      'clock',
      'backlog',
      'held jobs',
      'queues',
    ])
      expect(check(name), name).toMatchObject({ status: 'ok' })
    expect(check('workers')).toMatchObject({ status: 'warn', remedy: expect.stringContaining('kerja worker') })
    expect(check('driver')?.message).toMatch(/(node:sqlite|better-sqlite3) with SQLite 3\.\d+/)
    expect(await json(['queues', 'list', '--backend', backend])).toEqual({ queues: [] })
    const text = await kerja(['doctor', '--backend', backend], { cwd: folder })
    expect(text).toMatchObject({ code: 0, stderr: '' })
    expect(text.stdout).toMatch(/^ok {4}node {9}Node /m)
    expect(text.stdout).toMatch(/^warn {2}workers .*\n +→ Start one/m)
  })

  it('finds a missing folder, and does not make it', async () => {
    const { folder } = project()
    const before = readdirSync(folder)
    const args = ['--backend', `sqlite:${folder}/missing/jobs.db`]
    const { ok, check } = await doctor(args, { cwd: folder })
    expect(ok).toBe(false)
    expect(check('filesystem')).toMatchObject({
      status: 'fail',
      message: expect.stringContaining('does not exist'),
      remedy: `mkdir -p ${folder}/missing`,
    })
    expect((await kerja(['doctor', ...args])).code).toBe(1)
    expect(readdirSync(folder)).toEqual(before)
  })

  it.each([
    ['synchronous=normal', 'power cut'],
    ['allowUnsafeSqlite=true', 'corrupt'],
    ['allowNetworkFilesystem=true', 'lose data'],
  ])('warns of %s', async (setting, words) => {
    const { folder, backend } = project()
    const { ok, check } = await doctor(['--backend', `${backend}?${setting}`], { cwd: folder })
    expect({ ok, settings: check('settings') }).toMatchObject({ ok: true, settings: { status: 'warn', message: expect.stringContaining(words) } })
  })

  it('finds a file that is no store, and a folder in its place', async () => {
    const { folder, write } = project({ 'text.db': `${'no database at all. '.repeat(100)}` })
    mkdirSync(`${folder}/folder.db`)
    write('keep.txt', '')
    expect((await doctor(['--backend', `sqlite:${folder}/text.db`], { cwd: folder })).check('open')).toMatchObject({
      status: 'fail',
      message: expect.stringContaining('STORE_CORRUPT'),
    })
    expect((await doctor(['--backend', `sqlite:${folder}/folder.db`], { cwd: folder })).check('filesystem')).toMatchObject({ status: 'fail' })
  })

  it('finds a backlog that no worker runs, and a paused queue', async () => {
    const { folder, backend } = project()
    await json(['enqueue', 'mail.send', '--queue', 'mail', '--backend', backend])
    await json(['queues', 'pause', 'mail', '--backend', backend])
    await json(['enqueue', 'report.build', '--backend', backend])
    const { ok, check } = await doctor(['--backend', backend], { cwd: folder })
    expect(ok).toBe(false)
    expect(check('backlog')).toMatchObject({ status: 'fail', message: expect.stringMatching(/1 in default.*report\.build/) })
    expect(check('queues')).toMatchObject({ status: 'warn', message: 'paused: mail', remedy: 'kerja queues resume mail' })
  })

  it('finds jobs held as invalid and sees the worker', async () => {
    const { folder, backend } = project()
    const strict = { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'never right' }] }) } } as const
    await using store = new Kerja({ backend, logger: 'silent' })
    const held = store.events.once('job.held')
    const { id } = await store.enqueue(defineJob({ kind: 'mail.send', payload: type() }), {})
    const worker = store.worker({ handlers: [defineJob({ kind: 'mail.send', payload: strict }).handle(() => undefined)], concurrency: 3 })
    await worker.start()
    await held
    const { ok, check } = await doctor(['--backend', backend], { cwd: folder })
    await worker.stop()
    expect(ok).toBe(true)
    expect(check('workers')).toMatchObject({ status: 'ok', message: '1 alive, 3 slots' })
    expect(check('held jobs')).toMatchObject({
      status: 'warn',
      message: expect.stringMatching(/1 in default \(mail\.send\)/),
      remedy: expect.stringContaining(id),
    })
  })

  it('finds trouble in the configuration and goes no further', async () => {
    const { folder } = project({ 'kerja.config.js': 'export default {' })
    const { ok, check, checks } = await doctor([], { cwd: folder })
    expect({ ok, config: check('config'), count: checks.length }).toMatchObject({ ok: false, config: { status: 'fail' }, count: 2 })
  })

  it('says when two name a backend, when the worker file is gone, and when none is named in production', async () => {
    const { folder, backend } = project({ 'kerja.config.js': "export default { backend: 'sqlite:other.db', worker: './gone.js' }" })
    const both = await doctor([], { cwd: folder, env: { KERJA_URL: backend } })
    expect(both.check('backend')).toMatchObject({ status: 'warn', message: expect.stringContaining('from KERJA_URL') })
    expect(both.check('config')).toMatchObject({ status: 'fail', message: expect.stringContaining('gone.js') })
    writeFileSync(`${folder}/kerja.config.js`, 'export default {}')
    const none = await doctor([], { cwd: folder, env: { NODE_ENV: 'production' } })
    expect(none.check('backend')).toMatchObject({ status: 'fail', remedy: expect.stringContaining('KERJA_URL') })
  })

  it('warns of a store that lives in one process', async () => {
    const { folder } = project()
    expect((await doctor(['--backend', 'memory:'], { cwd: folder })).check('backend')).toMatchObject({ status: 'warn' })
  })
})
