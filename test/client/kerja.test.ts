// Making a Kerja: its options, where it finds its backend, and configuration files.
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig, Kerja } from 'kerja'
import { defineJob, type } from 'kerja/define'
import { memory } from 'kerja/memory'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const job = defineJob({ kind: 'job', payload: type<number>() })
const code = (name: string) => expect.objectContaining({ code: name })
const opened: Kerja[] = []
const make = (...options: ConstructorParameters<typeof Kerja>): Kerja => {
  const kerja = new Kerja(...options)
  opened.push(kerja)
  return kerja
}

let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'kerja-client-')))
  vi.stubEnv('KERJA_URL', '')
  vi.stubEnv('NODE_ENV', 'test')
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((kerja) => kerja.close()))
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs with another working directory: workers of a test runner may not change the real one. */
const within = (path: string) => vi.spyOn(process, 'cwd').mockReturnValue(path)

describe('new Kerja', () => {
  it.each([
    [{ backnd: 'memory:' }, 'OPTION_UNKNOWN'],
    [{ backend: 7 }, 'OPTION_INVALID'],
    [{ backend: {} }, 'OPTION_INVALID'],
    [{ backend: 'jobs.db' }, 'BACKEND_UNKNOWN'],
    [{ backend: '' }, 'BACKEND_UNKNOWN'],
    [{ backend: 'C:\\jobs.db' }, 'BACKEND_UNKNOWN'],
    [{ backend: 'mysql://u:p@h/db' }, 'BACKEND_UNKNOWN'],
    [{ backend: 'redis://h' }, 'BACKEND_UNKNOWN'],
    [{ enqueueTimeout: 0 }, 'OPTION_INVALID'],
    [{ enqueueTimeout: '2d' }, 'OPTION_INVALID'],
    [{ logger: 'loud' }, 'OPTION_INVALID'],
    [{ logger: { info: () => undefined } }, 'OPTION_INVALID'],
    [{ worker: 7 }, 'OPTION_INVALID'],
    [null, 'OPTION_INVALID'],
  ])('refuses %j', (options, expected) => {
    expect(() => new Kerja(options as never)).toThrow(code(expected))
  })

  it('shows no secret of a URL', () => {
    for (const url of ['mysql://user:s3cret@host/db?password=s3cret', 'weird://s3cret@h', 'redis://u:s3cret@h']) {
      expect(() => new Kerja({ backend: url })).toThrow(expect.objectContaining({ message: expect.not.stringContaining('s3cret') }))
    }
  })

  it('does no I/O and starts nothing until used', () => {
    within(folder)
    make()
    expect(existsSync(join(folder, 'kerja.db'))).toBe(false)
  })

  it('takes a configuration', async () => {
    const config = defineConfig({ backend: memory(), worker: './worker.ts', enqueueTimeout: '5s', logger: 'silent' })
    await expect(make(config).enqueue(job, 1)).resolves.toMatchObject({ duplicate: false })
    expect(() => defineConfig({ worker: '' })).toThrow(code('OPTION_INVALID'))
    expect(() => defineConfig({ wroker: 'x' } as never)).toThrow(code('OPTION_UNKNOWN'))
  })

  it('makes a worker only of sound options', () => {
    const kerja = make({ backend: 'memory:' })
    expect(() => kerja.worker({ handlers: [] })).toThrow(code('OPTION_INVALID'))
    expect(() => kerja.worker({ handlers: [job.handle(() => undefined)], concurency: 1 } as never)).toThrow(code('OPTION_UNKNOWN'))
  })
})

describe('the backend', () => {
  const logger = () => ({ debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() })

  it('is a file beside the nearest package.json by default, named once in the log', async () => {
    writeFileSync(join(folder, 'package.json'), '{}')
    mkdirSync(join(folder, 'src'))
    within(join(folder, 'src'))
    const log = logger()
    await make({ logger: log }).enqueue(job, 1)
    expect(existsSync(join(folder, 'kerja.db'))).toBe(true)
    await make({ logger: log }).enqueue(job, 2)
    expect(log.info.mock.calls).toEqual([[expect.any(String), expect.objectContaining({ path: join(folder, 'kerja.db') })]])
  })

  it('must be named in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    within(folder)
    const kerja = make({ logger: 'silent' })
    await expect(kerja.enqueue(job, 1)).rejects.toEqual(code('BACKEND_REQUIRED'))
    expect(existsSync(join(folder, 'kerja.db'))).toBe(false)
    vi.stubEnv('KERJA_URL', 'memory:production')
    await expect(kerja.enqueue(job, 1)).resolves.toMatchObject({ duplicate: false })
  })

  it('is taken from KERJA_URL, relative to the working directory', async () => {
    vi.stubEnv('KERJA_URL', 'sqlite:jobs.db?synchronous=normal')
    within(folder)
    await make({ logger: 'silent' }).enqueue(job, 1)
    expect(existsSync(join(folder, 'jobs.db'))).toBe(true)
  })

  it.each([
    ['sqlite:', 'OPTION_INVALID'],
    ['sqlite::memory:', 'OPTION_INVALID'],
    ['sqlite:a.db?synchronus=full', 'OPTION_UNKNOWN'],
    ['sqlite:a.db?synchronous=maybe', 'OPTION_INVALID'],
    ['mongodb://h', 'BACKEND_UNKNOWN'],
  ])('is not %s', async (url, expected) => {
    within(folder)
    vi.stubEnv('KERJA_URL', url)
    await expect(make({ logger: 'silent' }).enqueue(job, 1)).rejects.toEqual(code(expected))
  })

  it('is one engine per store and process, closed by its last holder', async () => {
    const [first, second] = [make({ backend: 'memory:shared' }), make({ backend: 'memory:shared' })]
    const { id } = await first.enqueue(job, 1)
    expect(await second.jobs.get(id)).toMatchObject({ id })
    await first.close()
    expect(await second.jobs.get(id)).toMatchObject({ id })
    await second.close()
    await expect(make({ backend: 'memory:shared' }).jobs.get(id)).rejects.toEqual(code('JOB_NOT_FOUND'))
  })

  it('given as an object closes with the last Kerja that used it', async () => {
    const backend = memory()
    const [first, second] = [make({ backend }), make({ backend })]
    await Promise.all([first.enqueue(job, 1), second.enqueue(job, 2)])
    await first.close()
    await expect(second.enqueue(job, 3)).resolves.toMatchObject({ duplicate: false })
  })

  it('can be opened and migrated ahead, and disposed of', async () => {
    const url = `sqlite:${join(folder, 'jobs.db')}`
    {
      await using kerja = new Kerja({ backend: url, logger: 'silent' })
      const plan = await kerja.migrate({ plan: true })
      expect(plan.length).toBeGreaterThan(0)
      await kerja.migrate()
      expect(await kerja.migrate({ plan: true })).toEqual([])
      await expect(kerja.migrate({ paln: true } as never)).rejects.toEqual(code('OPTION_UNKNOWN'))
      await kerja.open()
    }
    await expect(make({ backend: url, logger: 'silent' }).enqueue(job, 1)).resolves.toMatchObject({ durability: 'queued' })
  })
})
