// Every command explains itself, and docs/cli.md names them all.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { kerja, REPOSITORY } from './run.js'

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  init: ['--javascript', '--force'],
  dev: ['--file', '--ignore', '--grace'],
  worker: ['--file'],
  enqueue: ['--delay', '--priority', '--queue', '--group', '--idempotency-key', '--max-attempts', '--tag'],
  status: [],
  top: ['--once', '--interval'],
  'jobs list': ['--queue', '--kind', '--state', '--group', '--tag', '--limit', '--cursor'],
  'jobs show': [],
  'jobs retry': [],
  'jobs cancel': ['--reason'],
  'jobs delete': [],
  'queues list': [],
  'queues pause': ['--force'],
  'queues resume': ['--force'],
  'schedules list': [],
  'schedules pause': [],
  'schedules resume': [],
  'schedules run': [],
  'schedules remove': [],
  workers: [],
  migrate: ['--plan'],
  doctor: [],
}
const GLOBAL_OPTIONS = ['--backend', '--state-url', '--config', '--json', '--no-color', '--help']
const docs = readFileSync(join(REPOSITORY, 'docs/cli.md'), 'utf8')

describe.concurrent('help', () => {
  it.each(Object.entries(COMMANDS))('of kerja %s lists its options and shows examples', async (name, options) => {
    const { code, stdout, stderr } = await kerja([...name.split(' '), '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`Usage: kerja ${name}`)
    expect(stdout).toContain('Examples:')
    for (const option of [...options, ...GLOBAL_OPTIONS]) expect(stdout).toContain(option)
    const listed = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map((match) => match[1])
    expect(listed.sort()).toEqual([...options, ...GLOBAL_OPTIONS, '--version'].sort())
  })

  it('of kerja lists every command and the exit codes', async () => {
    const { code, stdout } = await kerja(['--help'])
    expect(code).toBe(0)
    for (const name of Object.keys(COMMANDS)) expect(stdout).toMatch(new RegExp(`^  ${name.split(' ')[0]}\\b`, 'm'))
    for (const exitCode of ['0', '1', '2', '3', '4']) expect(stdout).toMatch(new RegExp(`^  ${exitCode}  \\w`, 'm'))
  })

  it('is printed for a group of commands called alone', async () => {
    const { code, stdout, stderr } = await kerja(['jobs'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('Usage: kerja jobs')
  })

  it('--version prints the version', async () => {
    const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string }
    expect(await kerja(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })
})

describe('docs/cli.md', () => {
  it('names every command with its options', () => {
    for (const [name, options] of Object.entries(COMMANDS)) {
      const row = docs.split('\n').find((line) => new RegExp(`^\\| \`kerja ${name}[ \`]`).test(line))
      expect(row, name).toBeDefined()
      for (const option of options) expect(row, name).toContain(option)
    }
  })

  it('lists the codes of the command line, and no others', () => {
    const source = readFileSync(join(REPOSITORY, 'src/cli/exit.ts'), 'utf8')
    const table = /const CLI_EXIT_OF[^{]*\{([^}]*)\}/.exec(source)?.[1] ?? ''
    const codes = [...table.matchAll(/^ {2}([A-Z_]+):/gm)].map((match) => match[1])
    const listed = [...docs.matchAll(/^\| `([A-Z_]+)` +\|/gm)].map((match) => match[1])
    expect(listed.sort()).toEqual([...codes, 'INTERNAL'].sort())
  })
})

describe.concurrent('a wrong command line', () => {
  it.each([
    [['statsu'], /unknown command 'statsu'[\s\S]*status/],
    [['status', '--jsn'], /unknown option '--jsn'[\s\S]*--json/],
    [['jobs', 'lst'], /unknown command 'lst'[\s\S]*list/],
    [['jobs', 'show'], /missing required argument 'id'/],
    [['jobs', 'list', '--state', 'done'], /must be one of scheduled/],
    [['jobs', 'list', '--limit', '1000'], /from 1 to 200/],
    [['enqueue', 'a.b', '{}', '--priority', 'urgent'], /must be one of critical/],
  ])('%j says what was meant and ends with 2', async (args, words) => {
    const { code, stdout, stderr } = await kerja(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^error USAGE: /)
    expect(stderr).toMatch(words)
  })

  it('is JSON on stderr with --json', async () => {
    const { code, stdout, stderr } = await kerja(['statsu', '--json'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(JSON.parse(stderr)).toEqual({ error: { code: 'USAGE', message: expect.stringContaining('statsu') } })
  })
})
