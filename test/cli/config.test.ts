// Which backend a command talks to, and what is said about a configuration that cannot be used.
import { afterAll, describe, expect, it } from 'vitest'
import { createProject, json, kerja, type Project } from './run.js'

interface StatusJson {
  readonly backend: { readonly location: string; readonly source: string }
}

const projects: Project[] = []
const project = (files: Readonly<Record<string, string>> = {}): Project => {
  const made = createProject(files)
  projects.push(made)
  return made
}
afterAll(() => {
  for (const one of projects.splice(0)) one.remove()
})
const backendOf = async (args: readonly string[], cwd: string, env?: Readonly<Record<string, string>>) =>
  (await json<StatusJson>(['status', ...args], { cwd, ...(env === undefined ? {} : { env }) })).backend

describe.concurrent('the backend', () => {
  it('is the flag over the variable over the configuration over a file in the project', async () => {
    const { folder } = project({
      'kerja.config.mjs': "import { defineConfig } from 'kerja'\nexport default defineConfig({ backend: 'sqlite:config.db' })\n",
      'deep/folder/keep.txt': '',
    })
    const env = { KERJA_URL: `sqlite:${folder}/env.db` }
    expect(await backendOf(['--backend', 'sqlite:flag.db'], folder, env)).toMatchObject({ source: '--backend', location: `sqlite:${folder}/flag.db` })
    expect(await backendOf([], folder, env)).toMatchObject({ source: 'KERJA_URL', location: `sqlite:${folder}/env.db` })
    expect(await backendOf([], `${folder}/deep/folder`)).toMatchObject({ source: 'kerja.config.mjs', location: `sqlite:${folder}/config.db` })
    const { folder: plain } = project({ 'deep/keep.txt': '' })
    expect(await backendOf([], `${plain}/deep`)).toMatchObject({ source: 'default', location: `sqlite:${plain}/kerja.db` })
  })

  it('is never chosen by Kerja in production', async () => {
    const { folder } = project()
    const result = await kerja(['jobs', 'list'], { cwd: folder, env: { NODE_ENV: 'production' } })
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('error BACKEND_REQUIRED') })
  })

  it('may be an object of the configuration', async () => {
    const { folder } = project({
      'kerja.config.ts':
        "import { defineConfig } from 'kerja'\nimport { sqlite } from 'kerja/sqlite'\nexport default defineConfig({ backend: sqlite(import.meta.dirname + '/object.db') })\n",
    })
    expect(await backendOf([], folder)).toMatchObject({ source: 'kerja.config.ts', location: `${folder}/object.db` })
  })

  it('is refused with the usage code when nobody knows its scheme, without what may be secret', async () => {
    const result = await kerja(['jobs', 'list', '--backend', 'redis://user:secret@host/0'])
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('error BACKEND_UNKNOWN') })
    expect(result.stderr).not.toContain('secret')
  })
})

describe.concurrent('a configuration', () => {
  it('is not searched beyond package.json', async () => {
    const { folder } = project({ 'kerja.config.js': "export default { backend: 'sqlite:outer.db' }", 'inner/package.json': '{}' })
    expect(await backendOf([], `${folder}/inner`)).toMatchObject({ source: 'default' })
  })

  it('may be another file', async () => {
    const { folder } = project({ 'ops/prod.config.js': "export default { backend: 'sqlite:prod.db' }" })
    expect(await backendOf(['--config', 'ops/prod.config.js'], folder)).toMatchObject({ location: `sqlite:${folder}/ops/prod.db` })
  })

  it.each([
    ['does not exist', null, 'does not exist'],
    ['does not parse', 'export default {', 'cannot be loaded'],
    ['throws', 'throw new Error("no luck")', 'no luck'],
    ['exports nothing', 'export const config = {}', 'default export'],
    ['has an unknown option', "import { defineConfig } from 'kerja'\nexport default defineConfig({ workers: './w.ts' })", 'worker'],
    ['has an unknown option without defineConfig', 'export default { workers: 1 }', 'worker'],
  ])('that %s is CONFIG_INVALID and names the file', async (_name, text, words) => {
    const { folder } = project(text === null ? {} : { 'kerja.config.ts': text })
    const { code, stderr } = await kerja(['status', ...(text === null ? ['--config', 'kerja.config.ts'] : [])], { cwd: folder })
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error CONFIG_INVALID: /)
    expect(stderr).toContain('kerja.config.ts')
    expect(stderr).toContain(words)
  })
})

describe.concurrent('colours', () => {
  it('are for terminals, and go with NO_COLOR, --no-color and --json', async () => {
    const { backend } = project()
    const args = ['queues', 'list', '--backend', backend]
    await kerja(['enqueue', 'a.b', '--backend', backend])
    expect((await kerja(args)).stdout).not.toContain('\u001b')
    expect((await kerja(args, { env: { FORCE_COLOR: '1' } })).stdout).toContain('\u001b[2m')
    expect((await kerja(args, { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stdout).not.toContain('\u001b')
    expect((await kerja([...args, '--no-color'], { env: { FORCE_COLOR: '1' } })).stdout).not.toContain('\u001b')
    expect((await kerja([...args, '--json'], { env: { FORCE_COLOR: '1' } })).stdout).not.toContain('\u001b')
  })
})
