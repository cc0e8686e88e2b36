// `kerja worker` and `kerja dev`: the worker file runs, and runs anew when the code changes.
import { afterEach, describe, expect, it } from 'vitest'
import { createProject, json, kerja, type Project, type RunOptions, start } from './run.js'

const JOBS = `import { defineJob, type } from 'kerja/define'
export const greet = defineJob({ kind: 'greet', payload: type<{ name: string }>() })
`
const WORKER = `import { Kerja } from 'kerja'
import { greet } from './jobs.js'
import { words } from './words.js'
const kerja = new Kerja()
await kerja.worker({ handlers: [greet.handle(({ name }) => console.log(words, name))] }).run()
`
const words = (text: string) => `export const words: string = '${text}'\n`

const projects: Project[] = []
const running: { kill(signal: NodeJS.Signals): void }[] = []
function project(files: Readonly<Record<string, string>> = {}): Project {
  const made = createProject({
    'kerja.config.ts':
      "import { defineConfig } from 'kerja'\nexport default defineConfig({ worker: './src/worker.ts', backend: 'sqlite:jobs.db' })\n",
    'src/jobs.ts': JOBS,
    'src/words.ts': words('hello'),
    'src/worker.ts': WORKER,
    ...files,
  })
  projects.push(made)
  return made
}
const run = (args: readonly string[], options: RunOptions) => {
  const started = start(args, options)
  running.push(started)
  return started
}
afterEach(() => {
  for (const one of running.splice(0)) one.kill('SIGKILL')
  for (const one of projects.splice(0)) one.remove()
})

describe('worker', () => {
  it('runs the file of the configuration, from any folder of the project, until SIGTERM', async () => {
    const { folder } = project()
    const worker = run(['worker'], { cwd: `${folder}/src` })
    await worker.until(/worker started/)
    // The configuration's path is relative to the configuration, wherever the command is typed.
    await json(['enqueue', 'greet', '{"name":"ana"}'], { cwd: `${folder}/src` })
    await worker.until(/hello ana/)
    const { workers } = await json<{ workers: object[] }>(['workers'], { cwd: folder })
    expect(workers).toMatchObject([{ pid: worker.pid, alive: true, queues: ['default'], kinds: [{ kind: 'greet', version: 1 }] }])
    expect((await kerja(['workers'], { cwd: folder })).stdout).toMatch(new RegExp(`^alive .* ${worker.pid} `, 'm'))
    expect(await json(['status'], { cwd: folder })).toMatchObject({ backend: { source: 'kerja.config.ts' }, workers: { alive: 1 } })
    const top = await kerja(['top', '--once'], { cwd: folder })
    expect(top.stdout).toMatch(new RegExp(`^1 workers, 0 of 10 slots busy$[\\s\\S]*^default .*^\\S+ +${worker.pid} +0/10 .* default$`, 'ms'))
    worker.kill('SIGTERM')
    expect((await worker.ended).code).toBe(0)
  })

  it('hands --backend to the file', async () => {
    const { folder } = project()
    const backend = ['--backend', `sqlite:${folder}/other.db`]
    const worker = run(['worker', ...backend], { cwd: folder })
    await worker.until(/worker started/)
    await json(['enqueue', 'greet', '{"name":"bo"}', ...backend], { cwd: folder })
    await worker.until(/hello bo/)
    worker.kill('SIGINT')
    expect((await worker.ended).code).toBe(0)
  })

  it('runs --file, also one that does not await its worker', async () => {
    const { folder } = project({ 'src/loose.ts': WORKER.replace('await kerja.worker', 'void kerja.worker') })
    const worker = run(['worker', '--file', 'src/loose.ts'], { cwd: folder })
    await worker.until(/worker started/)
    worker.kill('SIGTERM')
    expect((await worker.ended).code).toBe(0)
  })

  it('runs what TypeScript projects are made of: path aliases, JSX, enums, parameter properties', async () => {
    const { folder } = project({
      'tsconfig.json': '{ "compilerOptions": { "paths": { "@/*": ["./src/*"] }, "jsx": "react-jsx" /* a comment */ } }',
      'node_modules/react/package.json': '{ "name": "react", "version": "1.0.0" }',
      'node_modules/react/jsx-runtime.js': 'exports.jsx = (tag, { children }) => [tag, children].join(" ")',
      'src/mail.tsx': 'export const Mail = ({ name }: { name: string }) => <b>{name}</b>\n',
      'src/words.ts': `import { Mail } from '@/mail'
enum Tone { Kind = 'kind' }
class Words { constructor(readonly tone: Tone) {} }
export const words = [Mail({ name: 'x' }), new Words(Tone.Kind).tone].join(' ')
`,
    })
    const worker = run(['worker'], { cwd: folder })
    await worker.until(/worker started/)
    await json(['enqueue', 'greet', '{"name":"ana"}'], { cwd: folder })
    await worker.until(/b x kind ana/)
    worker.kill('SIGTERM')
    expect((await worker.ended).code).toBe(0)
  })

  it.each([
    ['ends', 'console.log("nothing to do")', 'WORKER_NOT_STARTED'],
    ['waits for what never comes', 'await new Promise(() => undefined)', 'WORKER_NOT_STARTED'],
    ['throws', 'const broken = (name: string) => {\n  throw new TypeError(name)\n}\nbroken("luck")', 'WORKER_FAILED'],
    ['does not parse', 'const = 1', 'WORKER_FAILED'],
  ])('says so when the file %s', async (_name, code, error) => {
    const { folder } = project({ 'src/worker.ts': code })
    const result = await kerja(['worker'], { cwd: folder })
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining(`error ${error}: `) })
    expect(result.stderr).toContain('worker.ts')
  })

  it('shows where in the TypeScript it threw', async () => {
    const { folder } = project({ 'src/worker.ts': 'interface Unused {\n  a: string\n}\n\nthrow new Error("line five" satisfies string)' })
    expect((await kerja(['worker'], { cwd: folder })).stderr).toMatch(/line five\n.*worker\.ts:5:/)
  })

  it('passes on the coded error of the worker, with its exit code', async () => {
    const { folder } = project()
    const result = await kerja(['worker', '--backend', `sqlite:${folder}/missing/jobs.db`], { cwd: folder })
    expect(result).toMatchObject({ code: 4, stderr: expect.stringContaining('error BACKEND_UNAVAILABLE') })
  })

  it('says what is missing without a worker file', async () => {
    const { folder } = project({ 'kerja.config.ts': 'export default { worker: "./gone.ts" }' })
    expect(await kerja(['worker'], { cwd: folder })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/WORKER_FILE: .*gone\.ts does not exist/),
    })
    expect(await kerja(['worker', '--file', 'nope.ts'], { cwd: folder })).toMatchObject({ code: 2, stderr: expect.stringContaining('nope.ts') })
    const bare = createProject()
    projects.push(bare)
    expect(await kerja(['worker'], { cwd: bare.folder })).toMatchObject({ code: 2, stderr: expect.stringContaining('kerja init') })
  })
})

// Several processes start one after the other.
describe('dev', { timeout: 120_000 }, () => {
  it('restarts on a change, waits after a crash, and ends with its worker', async () => {
    const { folder, write } = project()
    const dev = run(['dev'], { cwd: folder })
    await dev.until(/worker started/)
    await json(['enqueue', 'greet', '{"name":"one"}'], { cwd: folder })
    await dev.until(/hello one/)

    write('src/words.ts', words('goodbye'))
    await dev.until(/words\.ts changed; restarting[\s\S]*worker started/)
    await json(['enqueue', 'greet', '{"name":"two"}'], { cwd: folder })
    await dev.until(/goodbye two/)

    write('src/words.ts', 'export const words = (')
    await dev.until(/error WORKER_FAILED[\s\S]*worker crashed \(exit code 1\); waiting for a change/)
    write('src/words.ts', words('again'))
    await dev.until(/words\.ts changed; starting[\s\S]*worker started/)
    await json(['enqueue', 'greet', '{"name":"three"}'], { cwd: folder })
    await dev.until(/again three/)

    dev.kill('SIGINT')
    expect((await dev.ended).code).toBe(0)
    expect((await json<{ workers: { alive: boolean }[] }>(['workers'], { cwd: folder })).workers.filter(({ alive }) => alive)).toEqual([])
  })

  it('sees files in new folders, and not those in ignored ones', async () => {
    const { folder, write } = project({ 'data/report.json': '{}' })
    const dev = run(['dev', '--ignore', 'data'], { cwd: folder })
    await dev.until(/worker started/)
    for (const name of ['data/report.json', 'dist/out.js', 'node_modules/other/index.js', '.cache/a.js', 'notes.txt', 'jobs.db.json~'])
      write(name, '{}')
    write('src/deep/er/new.ts', 'export const fresh = 1\n')
    const seen = await dev.until(/changed; restarting/)
    expect(seen).toContain('src/deep/er/new.ts changed; restarting')
    dev.kill('SIGTERM')
    expect((await dev.ended).code).toBe(0)
  })

  it('prints its events as JSON lines, and nothing else on stdout', async () => {
    const { folder, write } = project()
    const dev = run(['dev', '--json'], { cwd: folder })
    await dev.until(/worker started/)
    write('src/words.ts', words('changed'))
    await dev.until(/"event":"changed"[\s\S]*worker started/)
    dev.kill('SIGTERM')
    const { code, stdout } = await dev.ended
    expect(code).toBe(0)
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string })
    expect(events.map(({ event }) => event)).toEqual(['started', 'changed', 'started', 'stopping'])
    expect(events[1]).toMatchObject({ files: ['src/words.ts'] })
  })

  it('takes its worker with it when it is killed', async () => {
    const { folder } = project()
    const dev = run(['dev'], { cwd: folder })
    await dev.until(/worker started/)
    dev.kill('SIGKILL')
    // The worker holds the other end of stdout: the stream closes when it has ended too.
    const { stdout, stderr } = await dev.ended
    expect(`${stdout}${stderr}`).toContain('worker stopped')
  })
})
