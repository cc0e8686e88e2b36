/** `kerja init`: leaves a project in which a job runs. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { VERSION } from '../../version.js'
import { createCli } from '../cli.js'
import { CliError } from '../exit.js'
import { examples } from '../help.js'
import type { Output } from '../output.js'
import { extendPackage } from '../package-file.js'
import { type PackageManager, packageManager } from '../project.js'
import { probeDriver } from '../sqlite-drivers.js'
import { GITIGNORE_LINES, type Language, projectFiles, TEMPLATE_JOB, TSCONFIG_TEXT } from '../templates.js'
import { safe } from '../text.js'

interface Options {
  readonly javascript?: boolean
  readonly force?: boolean
}

/** What a run of `init` did, as paths relative to the folder. */
interface Done {
  readonly created: string[]
  readonly changed: string[]
  readonly kept: string[]
}

const NOTES = `
Writes kerja.config, jobs, worker and web, and adds to package.json what is missing: kerja, scripts and, where this Node has no safe
SQLite of its own, better-sqlite3. If one of the four files exists nothing is written, unless with --force. Nothing is installed.`

export function registerInit(program: Command): void {
  program
    .command('init')
    .summary('begin a project: configuration, a job, a worker and a web server')
    .description('Begin a project, or add Kerja to one: configuration, a job, a worker and a small web server that enqueues.')
    .argument('[dir]', 'the folder', '.')
    .option('--javascript', 'write JavaScript instead of TypeScript')
    .option('--force', 'overwrite files that exist')
    .addHelpText('after', NOTES)
    .addHelpText('after', examples(['kerja init', 'kerja init my-app --javascript']))
    .action(async (dir: string, options: Options, command: Command) => {
      const { output, cwd } = createCli(command)
      const folder = resolve(cwd, dir)
      const done = await writeProject(folder, options)
      const next = nextCommands(folder, cwd)
      output.value({ folder, ...done, next })
      print(output, relative(cwd, folder) || '.', done, next)
    })
}

async function writeProject(folder: string, { javascript, force }: Options): Promise<Done> {
  const language: Language = javascript === true ? 'javascript' : 'typescript'
  const files = projectFiles(language)
  const existing = files.filter(({ name }) => existsSync(join(folder, name))).map(({ name }) => name)
  if (existing.length > 0 && force !== true) {
    const one = existing.length === 1
    throw new CliError(
      'FILE_EXISTS',
      `${existing.join(', ')} ${one ? 'exists' : 'exist'} in ${folder}; nothing was written. --force overwrites ${one ? 'it' : 'them'}.`,
    )
  }
  const packagePath = join(folder, 'package.json')
  const before = readIfThere(packagePath)
  const extended = extendPackage({
    text: before,
    folderName: basename(folder),
    language,
    kerjaVersion: VERSION,
    needsDriver: (await probeDriver('node:sqlite')).problem !== null,
    usesPnpm: managerOf(folder).exec.startsWith('pnpm'),
    hasScripts: existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.js') && !existing.includes(name)),
  })

  mkdirSync(folder, { recursive: true })
  const done: Done = { created: [], changed: [], kept: [] }
  const write = (name: string, text: string) => {
    done[existsSync(join(folder, name)) ? 'changed' : 'created'].push(name)
    writeFileSync(join(folder, name), text)
  }
  for (const { name, text } of files) write(name, text)
  if (extended.added.length > 0) write('package.json', extended.text)
  else done.kept.push('package.json')
  if (language === 'typescript') {
    if (existsSync(join(folder, 'tsconfig.json'))) done.kept.push('tsconfig.json')
    else write('tsconfig.json', TSCONFIG_TEXT)
  }
  const ignored = extendIgnored(readIfThere(join(folder, '.gitignore')))
  if (ignored !== null) write('.gitignore', ignored)
  return done
}

/** The text with the lines that are missing, or null when none is. */
function extendIgnored(text: string | null): string | null {
  const present = new Set((text ?? '').split(/\r?\n/).map((line) => line.trim().replace(/\/$/, '')))
  const missing = GITIGNORE_LINES.filter((line) => !present.has(line))
  if (missing.length === 0) return null
  const start = text === null || text === '' || text.endsWith('\n') ? (text ?? '') : `${text}\n`
  return `${start}${missing.join('\n')}\n`
}

function nextCommands(folder: string, cwd: string): readonly string[] {
  const { install, exec } = managerOf(folder)
  const enter = folder === cwd ? '' : `cd ${quoteForShell(relative(cwd, folder))} && `
  return [`${enter}${install}`, `${exec} kerja dev`, `${exec} kerja enqueue ${TEMPLATE_JOB.kind} '${TEMPLATE_JOB.payload}'`]
}

function print(output: Output, folder: string, done: Done, next: readonly string[]): void {
  for (const [verb, names] of Object.entries(done) as [keyof Done, string[]][]) {
    for (const name of names) output.line(`${output.paint(verb === 'kept' ? 'dim' : 'green', verb.padEnd(7))}  ${safe(join(folder, name))}`)
  }
  output.line()
  output.line('Next:')
  for (const command of next) output.line(`  ${command}`)
}

const managerOf = (folder: string): PackageManager => packageManager(folder, process.env.npm_config_user_agent)

const quoteForShell = (text: string): string => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

const readIfThere = (path: string): string | null => (existsSync(path) ? readFileSync(path, 'utf8') : null)
