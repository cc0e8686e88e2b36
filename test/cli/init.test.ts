// `kerja init` leaves a project in which a job runs.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createProject, json, kerja, linkPackage, type Project, REPOSITORY, start } from './run.js'

interface InitJson {
  readonly folder: string
  readonly created: readonly string[]
  readonly changed: readonly string[]
  readonly kept: readonly string[]
  readonly next: readonly string[]
}
interface PackageJson {
  readonly type?: string
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

const HAS_OWN_SQLITE = (process.versions.node.split('.').map(Number)[0] ?? 0) >= 24
const TYPESCRIPT_FILES = ['kerja.config.ts', 'jobs.ts', 'worker.ts', 'web.ts']

const outer: Project[] = []
const empty = (): string => {
  const project = createProject()
  outer.push(project)
  const folder = join(project.folder, 'app')
  mkdirSync(folder)
  return folder
}
afterEach(() => {
  for (const project of outer.splice(0)) project.remove()
})
const packageOf = (folder: string): PackageJson => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageJson

async function runOneJob(folder: string): Promise<void> {
  const worker = start(['worker'], { cwd: folder })
  await worker.until(/worker started/)
  const { id } = await json<{ id: string }>(['enqueue', 'mail.welcome', '{"to":"ana@example.com"}'], { cwd: folder })
  await worker.until(/welcome, ana@example\.com/)
  worker.kill('SIGTERM')
  expect((await worker.ended).code).toBe(0)
  expect(await json(['jobs', 'show', id], { cwd: folder })).toMatchObject({
    jobs: [{ state: 'completed', logs: [{ level: 'info', message: 'welcome, ana@example.com' }] }],
  })
  expect(existsSync(join(folder, 'kerja.db'))).toBe(true)
}

describe('init', () => {
  it('leaves a TypeScript project that compiles and in which a job runs', async () => {
    const folder = empty()
    const { stdout } = await kerja(['init'], { cwd: folder })
    expect(stdout).toMatch(/Next:\n {2}npm install\n {2}npx kerja dev\n {2}npx kerja enqueue mail\.welcome '\{.*\}'\n$/)
    expect(readdirSync(folder).sort()).toEqual([...TYPESCRIPT_FILES, '.gitignore', 'package.json', 'tsconfig.json'].sort())
    const { version } = packageOf(REPOSITORY) as unknown as { version: string }
    expect(packageOf(folder)).toMatchObject({
      type: 'module',
      scripts: { dev: 'kerja dev', worker: 'kerja worker', web: 'tsx web.ts' },
      dependencies: { kerja: `^${version}` },
    })
    linkPackage(folder)
    mkdirSync(join(folder, 'node_modules', '@types'))
    symlinkSync(join(REPOSITORY, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'), 'junction')
    const compiler = spawnSync(process.execPath, [join(REPOSITORY, 'node_modules/typescript/bin/tsc'), '-p', folder], { encoding: 'utf8' })
    expect({ status: compiler.status, stdout: compiler.stdout }).toEqual({ status: 0, stdout: '' })
    await runOneJob(folder)
  })

  it('--javascript leaves a JavaScript project in which a job runs', async () => {
    const folder = empty()
    const answer = await json<InitJson>(['init', '--javascript'], { cwd: folder })
    expect([...answer.created].sort()).toEqual(['.gitignore', 'jobs.js', 'kerja.config.js', 'package.json', 'web.js', 'worker.js'])
    expect(packageOf(folder)).toMatchObject({ type: 'module', scripts: { web: 'node web.js' } })
    expect(packageOf(folder).devDependencies).toBeUndefined()
    linkPackage(folder)
    await runOneJob(folder)
  })

  it('depends on better-sqlite3 where this Node has no safe SQLite of its own', async () => {
    const folder = empty()
    await kerja(['init'], { cwd: folder })
    const range = packageOf(folder).dependencies['better-sqlite3']
    if (process.versions.node.startsWith('20.')) expect(range).toMatch(/^\^12\./)
    else if (HAS_OWN_SQLITE) expect(range).toBeUndefined()
  })

  it('makes the folder it is given and says to enter it', async () => {
    const folder = empty()
    const answer = await json<InitJson>(['init', 'My App'], { cwd: folder })
    expect(answer.folder).toBe(join(folder, 'My App'))
    expect(answer.next[0]).toBe("cd 'My App' && npm install")
    expect(packageOf(join(folder, 'My App'))).toMatchObject({ name: 'my-app' })
  })

  it('overwrites nothing, and lists what exists', async () => {
    const folder = empty()
    writeFileSync(join(folder, 'jobs.ts'), '// mine\n')
    const refused = await kerja(['init'], { cwd: folder })
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^error FILE_EXISTS: jobs\.ts exists/) })
    expect(readdirSync(folder)).toEqual(['jobs.ts'])
    expect((await json<InitJson>(['init', '--force'], { cwd: folder })).changed).toEqual(['jobs.ts'])
    expect(readFileSync(join(folder, 'jobs.ts'), 'utf8')).toContain('mail.welcome')
  })

  it('adds to a package.json only what is missing, in its own indentation', async () => {
    const folder = empty()
    const before = {
      name: 'shop',
      type: 'commonjs',
      scripts: { dev: 'vite' },
      dependencies: { kerja: '0.0.9' },
      devDependencies: { typescript: '^5.9.0' },
    }
    writeFileSync(join(folder, 'package.json'), JSON.stringify(before, null, '\t'))
    writeFileSync(join(folder, '.gitignore'), 'node_modules/\n*.log')
    writeFileSync(join(folder, 'pnpm-lock.yaml'), '')
    const answer = await json<InitJson>(['init'], { cwd: folder })
    expect(answer.changed).toEqual(['package.json', '.gitignore'])
    expect(answer.next).toEqual(['pnpm install', 'pnpm exec kerja dev', expect.stringContaining('pnpm exec kerja enqueue mail.welcome')])
    expect(packageOf(folder)).toMatchObject({
      ...before,
      scripts: { dev: 'vite', worker: 'kerja worker' },
      dependencies: { kerja: '0.0.9' },
      devDependencies: { typescript: '^5.9.0' },
    })
    expect(readFileSync(join(folder, 'package.json'), 'utf8')).toContain('\n\t"name": "shop"')
    expect(readFileSync(join(folder, '.gitignore'), 'utf8')).toBe('node_modules/\n*.log\nkerja.db*\n')
  })

  it('writes nothing beside a package.json it cannot read', async () => {
    const folder = empty()
    writeFileSync(join(folder, 'package.json'), '{ oops')
    expect(await kerja(['init'], { cwd: folder })).toMatchObject({ code: 1, stderr: expect.stringContaining('error PACKAGE_INVALID') })
    expect(readdirSync(folder)).toEqual(['package.json'])
  })

  it('a web server answers at once and leaves the job to the worker', async () => {
    const folder = empty()
    await kerja(['init', '--javascript'], { cwd: folder })
    linkPackage(folder)
    // The template as it is, on a port that is free, with a client in the same process.
    const client = `
server.once('listening', async () => {
  const signup = () => fetch(\`http://localhost:\${server.address().port}/signup?to=ana@example.com\`, { method: 'POST' })
  let response = await signup()
  // A store that cannot be opened within 3 s, on a machine that is busy with other tests, is answered by 503: try again.
  for (let again = 0; response.status === 503 && again < 10; again++) response = await signup()
  console.log(response.status, (await response.json()).id)
  process.kill(process.pid, 'SIGTERM')
})`
    writeFileSync(join(folder, 'probe.js'), `${readFileSync(join(folder, 'web.js'), 'utf8')}${client}`)
    const { PORT: _port, KERJA_URL: _url, NODE_ENV: _mode, ...env } = process.env
    const probe = spawnSync(process.execPath, ['probe.js'], { cwd: folder, encoding: 'utf8', env: { ...env, PORT: '0' } })
    const [, id] = /^202 (\S+)$/m.exec(probe.stdout) ?? []
    expect({ status: probe.status, id }, probe.stderr).toEqual({ status: 0, id: expect.any(String) })
    expect(await json(['jobs', 'show', id as string], { cwd: folder })).toMatchObject({ jobs: [{ kind: 'mail.welcome', state: 'available' }] })
  })
})
