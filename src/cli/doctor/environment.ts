/** What can be said without touching the store: Node, configuration, backend, SQLite libraries, settings, filesystem. */
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs'
import { basename, dirname, relative } from 'node:path'
import { type LoadedConfig, workerFile } from '../config.js'
import { type DriverProbe, probeDriver, SQLITE_DRIVERS } from '../sqlite-drivers.js'
import type { Target } from '../target.js'
import { type Check, fail, ok, warn } from './check.js'

const NODE_MIN = Object.freeze({ major: 20, minor: 19 })
const FREE_BYTES_FAIL = 16 * 1024 * 1024
const FREE_BYTES_WARN = 512 * 1024 * 1024

export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isEnough = major > NODE_MIN.major || (major === NODE_MIN.major && minor >= NODE_MIN.minor)
  if (isEnough) return ok('node', `Node ${version}`)
  return fail('node', `Node ${version} is too old`, `Install Node ${NODE_MIN.major}.${NODE_MIN.minor} or newer.`)
}

export function checkConfig(cwd: string, loaded: LoadedConfig | null): Check {
  if (loaded === null) return ok('config', 'no kerja.config here (none is needed)')
  const file = relative(cwd, loaded.file) || basename(loaded.file)
  const worker = workerFile(cwd, undefined, loaded)
  if (worker === null) return ok('config', `${file}; it names no worker file`)
  if (existsSync(worker)) return ok('config', `${file}; worker file ${relative(cwd, worker)}`)
  return fail('config', `${file} names the worker file ${worker}, which does not exist`, 'Create it, or correct `worker` in the configuration.')
}

export function checkBackend({ source, location, options }: Target, loaded: LoadedConfig | null): Check {
  const words = `${location} (from ${source})`
  if (typeof options.backend === 'string' && /^memory:/i.test(options.backend))
    return warn(
      'backend',
      `${words}: jobs live in one process and die with it`,
      'Use sqlite: for jobs that other processes run or that outlive this one.',
    )
  if (location === 'none')
    return fail(
      'backend',
      'none is named, and in production (NODE_ENV) Kerja chooses none by itself',
      'Set KERJA_URL, such as sqlite:/var/lib/app/jobs.db.',
    )
  const configured = loaded?.config.backend
  if (configured !== undefined && (source === '--backend' || source === 'KERJA_URL'))
    return warn(
      'backend',
      `${words}, but ${basename(loaded?.file ?? '')} names one too: code that calls new Kerja(config) uses that one`,
      'Name the backend in one place: leave it out of the configuration, or unset the other.',
    )
  return ok('backend', words)
}

/** null where the backend is not SQLite. */
export async function checkDriver({ file, settings }: Target): Promise<Check | null> {
  if (file === null) return null
  const wanted = SQLITE_DRIVERS.filter((name) => settings.driver === name)
  const probes: DriverProbe[] = []
  for (const name of wanted.length > 0 ? wanted : SQLITE_DRIVERS) {
    const probe = await probeDriver(name)
    if (probe.problem === null) return ok('driver', `${name} with SQLite ${probe.sqliteVersion}`)
    probes.push(probe)
  }
  const found = probes.map(({ name, sqliteVersion, problem }) =>
    sqliteVersion === null ? `${name}: ${problem?.code}` : `${name}: SQLite ${sqliteVersion} is unsafe`,
  )
  return fail(
    'driver',
    `no usable SQLite library (${found.join('; ')})`,
    'npm install better-sqlite3@12, or use a Node whose own SQLite is safe: 22.22.3, 24.15, 26 or later.',
  )
}

const RISKS: Readonly<Record<string, { readonly value: unknown; readonly message: string; readonly remedy: string }>> = Object.freeze({
  synchronous: {
    value: 'normal',
    message: 'synchronous=normal: a power cut may lose the last moments',
    remedy: 'Leave it out: the default is full.',
  },
  allowUnsafeSqlite: {
    value: true,
    message: 'allowUnsafeSqlite=true: SQLite versions that can corrupt the file are accepted',
    remedy: 'Leave it out, and install better-sqlite3@12 if Kerja then refuses.',
  },
  allowNetworkFilesystem: {
    value: true,
    message: 'allowNetworkFilesystem=true: two machines that share the file would lose data',
    remedy: 'Keep the file on a local disk and leave it out.',
  },
})

export function checkSettings({ file, settings }: Target): readonly Check[] {
  if (file === null) return []
  const risks = Object.entries(RISKS).filter(([name, { value }]) => settings[name] === value)
  if (risks.length === 0) return [ok('settings', 'durable and safe')]
  return risks.map(([, { message, remedy }]) => warn('settings', message, remedy))
}

/** null where the store is not a file. */
export function checkFilesystem({ file }: Target): Check | null {
  if (file === null) return null
  const folder = dirname(file)
  if (!existsSync(folder)) return fail('filesystem', `the folder ${folder} does not exist`, `mkdir -p ${folder}`)
  if (existsSync(file) && !statSync(file).isFile()) return fail('filesystem', `${file} is not a file`, 'Point the backend at a file.')
  const blocked = [folder, ...(existsSync(file) ? [file] : [])].find((path) => !isWritable(path))
  if (blocked !== undefined)
    return fail('filesystem', `${blocked} cannot be written by this user`, `Give this user write access to ${folder} and the files in it.`)
  const { bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize
  const words = `${folder}: ${megabytes(free)} free`
  if (free < FREE_BYTES_FAIL) return fail('filesystem', words, 'Free some space: nothing can be stored on a full disk.')
  if (free < FREE_BYTES_WARN) return warn('filesystem', words, 'Free some space before enqueueing begins to fail.')
  return ok('filesystem', words)
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    // Being refused is the answer that was asked for.
    return false
  }
}

const megabytes = (bytes: number): string => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`)
