/**
 * Tells when a project's source files change. One watcher per folder: the recursive watch of Node 20 on Linux would enter node_modules and
 * watch every file there.
 *
 * A change is told `DEBOUNCE_MS` after its last event, since editors write a file in several steps. A folder that is created and filled before
 * its watcher stands is told by the scan that sets the watcher up.
 */
import { type Dirent, type FSWatcher, readdirSync, watch } from 'node:fs'
import { extname, join, relative } from 'node:path'
import { CliError } from './exit.js'

const DEBOUNCE_MS = 100
/** Folders watched; beyond it the project is too wide to be watched whole. */
const FOLDERS_MAX = 5_000
const IGNORED_FOLDERS: ReadonlySet<string> = new Set(['node_modules', 'dist', 'build', 'out', 'coverage'])
const SOURCE_EXTENSIONS: ReadonlySet<string> = new Set(['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.jsx', '.json'])

export interface WatchOptions {
  readonly root: string
  /** Absolute paths of further folders and files to leave out. */
  readonly ignore: readonly string[]
  /** Paths relative to `root`. */
  readonly onChange: (files: readonly string[]) => void
  /** Part of the project is not watched (any more). */
  readonly onTrouble: (error: CliError) => void
}

/** Watches until the returned function is called. @throws {WATCH_FAILED} when the project cannot be watched at all */
export function watchSources({ root, ignore, onChange, onTrouble }: WatchOptions): () => void {
  const watchers = new Map<string, FSWatcher>()
  const changes = collectChanges((files) => onChange(files.map((file) => relative(root, file))))

  const add = (folder: string, listener: (name: string) => void) => {
    if (watchers.size >= FOLDERS_MAX) throw failed(root, `it has more than ${FOLDERS_MAX} folders. Leave some out with --ignore`)
    const watcher = watch(folder, (_event, name) => void (name !== null && listener(name)))
    // The folder was removed or its filesystem is gone: that one is not watched any more, the others are.
    watcher.on('error', () => remove(folder))
    watchers.set(folder, watcher)
  }
  const remove = (folder: string) => {
    watchers.get(folder)?.close()
    watchers.delete(folder)
  }
  const scan = (folder: string, isNew: boolean) => {
    if (watchers.has(folder) || ignore.includes(folder)) return
    const entries = readFolder(folder)
    if (entries === null) return
    add(folder, (name) => onEvent(folder, name))
    for (const entry of entries) {
      const path = join(folder, entry.name)
      if (entry.isDirectory() && !isIgnoredFolder(entry.name)) scan(path, isNew)
      else if (isNew && entry.isFile() && isSource(entry.name)) changes.add(path)
    }
  }
  const onEvent = (folder: string, name: string) => {
    const path = join(folder, name)
    if (ignore.includes(path)) return
    if (isSource(name)) return changes.add(path)
    if (isIgnoredFolder(name)) return
    // A folder that was removed and made again is a new one to the system.
    remove(path)
    try {
      scan(path, true)
    } catch (error) {
      onTrouble(asWatchError(error, path))
    }
  }
  const close = () => {
    changes.close()
    for (const folder of [...watchers.keys()]) remove(folder)
  }
  try {
    scan(root, false)
  } catch (error) {
    close()
    throw asWatchError(error, root)
  }
  return close
}

function collectChanges(tell: (files: readonly string[]) => void) {
  const files = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    const told = [...files].sort()
    files.clear()
    tell(told)
  }
  return {
    add: (file: string) => {
      files.add(file)
      clearTimeout(timer)
      timer = setTimeout(flush, DEBOUNCE_MS)
    },
    close: () => clearTimeout(timer),
  }
}

const isSource = (name: string): boolean => SOURCE_EXTENSIONS.has(extname(name)) || name === '.env' || name.startsWith('.env.')
const isIgnoredFolder = (name: string): boolean => name.startsWith('.') || IGNORED_FOLDERS.has(name)

/** null for what is no folder, is gone or may not be read: there is nothing to watch. */
function readFolder(folder: string): readonly Dirent[] | null {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    // Events name files as well as folders, and folders that are gone again: reading is how to find out.
    return null
  }
}

const failed = (path: string, why: string, cause?: unknown): CliError => new CliError('WATCH_FAILED', `${path} cannot be watched: ${why}.`, { cause })

function asWatchError(error: unknown, path: string): CliError {
  if (error instanceof CliError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC')
    return failed(path, 'the system grants no more watches. Raise fs.inotify.max_user_watches, or leave folders out with --ignore', error)
  if (code === 'EMFILE')
    return failed(path, 'too many files are open. Raise the limit (ulimit -n, fs.inotify.max_user_instances), or use --ignore', error)
  return failed(path, message, error)
}
