// Brings a fresh clone to the point where something can be run: dependencies installed, library built. Does nothing that is already done.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Runs a command in the repository; ends this process with its exit code when it fails. */
export function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (error !== undefined) throw error
  if (status !== 0) {
    console.error(`\n${[command, ...args].join(' ')} ended with ${signal ?? `exit code ${status}`}`)
    process.exit(status ?? 1)
  }
}

/** Runs a tool from node_modules by its entry file, which works alike on every system. */
export const tool = (path, args, options) => run(process.execPath, [join(root, 'node_modules', path), ...args], options)

export function ensureDependencies() {
  checkNode()
  const lock = join(root, 'package-lock.json')
  // npm writes this file last, so it stands for an install that came to its end.
  const installed = join(root, 'node_modules', '.package-lock.json')
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return
  console.error('Installing dependencies (npm ci). Where no prebuilt better-sqlite3 can be fetched it is compiled: about a minute.')
  run(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--no-fund', '--no-audit'])
}

/** The libraries whose transactions Kerja joins. They are large and only their own test needs them, so the root install leaves them out. */
export function ensureAdapters() {
  const folder = join(root, 'test/postgres/adapters')
  const lock = join(folder, 'package-lock.json')
  const installed = join(folder, 'node_modules', '.package-lock.json')
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return
  console.error('Installing the libraries of test/postgres/adapters (npm ci).')
  // Nothing there is built from source: install scripts are not needed.
  run(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--ignore-scripts', '--no-fund', '--no-audit'], { cwd: folder })
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  console.error(`Kerja needs Node 20.19 or newer; this is ${process.versions.node}.`)
  process.exit(1)
}

/** Compiles src/ to dist/. */
export function build() {
  tool('typescript/bin/tsc', ['-p', 'tsconfig.json'])
}
