/**
 * The folder of a spool: which files are whose. Every process writes files of its own, so that none waits for another.
 *
 * `1764000000000-1a2b3c4d.web1-4711-9f8e7d6c.spool`: when it was begun and a number, host, process and instance of its owner.
 * `1764000000000-1a2b3c4d.left`: how far it has been drained. `….damaged`, `….refused` and `….kept`: what was set aside.
 *
 * A file whose owner is dead is adopted: renamed to another owner. That the owner is dead is a guess, and a wrong one does no harm. A writer looks
 * after each write whether its file still has its name, and if not writes the same again elsewhere before anybody is told that it is stored; and
 * who adopts reads only after the rename. So nothing is missed, and what two processes drain merges by id.
 */
import { randomBytes } from 'node:crypto'
import { access, chmod, constants, lstat, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { ignoreMissing, spoolUnavailable } from './faults.js'

export interface SegmentFile {
  /** Without owner and ending: the same for as long as the file lives. */
  readonly name: string
  readonly owner: Owner
  readonly path: string
  readonly bytes: number
  readonly touchedAt: number
}

export interface Owner {
  readonly host: string
  readonly pid: number
  readonly instance: string
}

const SEGMENT = /^(\d{13}-[0-9a-f]{8})\.(\w+)-(\d+)-([0-9a-f]{8})\.spool$/
const MARK = /^(\d{13}-[0-9a-f]{8})\.left$/
const ASIDE = /\.(damaged|refused|kept)$/
const IN_MEMORY: readonly number[] = [0x01021994, 0x858458f6]
const OTHERS_WRITE = 0o002
/** The process of files that were let go. */
const NOBODY = 0
/** Owners of this process, also those of other copies of this module. */
const OWNERS: unique symbol = Symbol.for('kerja.spools') as never

export const ownersHere = (): Set<string> => {
  const holder = globalThis as { [OWNERS]?: Set<string> }
  holder[OWNERS] ??= new Set()
  return holder[OWNERS]
}

export const newOwner = (): Owner => ({
  host: hostname().replaceAll(/\W/g, '_').slice(0, 40) || 'host',
  pid: process.pid,
  instance: randomBytes(4).toString('hex'),
})

export const segmentPath = (folder: string, name: string, { host, pid, instance }: Owner): string =>
  join(folder, `${name}.${host}-${pid}-${instance}.spool`)
/** Where a segment is kept whole, since there was no room to set aside a part of it. */
export const keptPath = (folder: string, name: string): string => join(folder, `${name}.kept`)
export const markPath = (folder: string, name: string): string => join(folder, `${name}.left`)

/** In the order in which segments are begun, also when the clock steps back. */
export function createNames(now: () => number): () => string {
  let last = 0
  return () => {
    last = Math.max(Math.floor(now()), last + 1)
    return `${String(last).padStart(13, '0')}-${randomBytes(4).toString('hex')}`
  }
}

/** When the segment was begun, in epoch ms. */
export const begunAt = (name: string): number => Number(name.slice(0, 13))

/**
 * Makes the folder, readable by its user alone.
 * @throws {SPOOL_UNAVAILABLE} where jobs would not last, or others could put some in; and what the disk says
 */
export async function prepareFolder(folder: string, ephemeral: boolean): Promise<void> {
  const created = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (created !== undefined) {
    await chmod(folder, 0o700)
    await syncFolder(dirname(created))
  }
  const found = await lstat(folder)
  if (found.isSymbolicLink()) throw spoolUnavailable(folder, 'it is a symbolic link', 'Name the folder that it leads to.')
  if (process.platform !== 'win32' && (found.mode & OTHERS_WRITE) !== 0)
    throw spoolUnavailable(folder, 'every user may write there, and so could enqueue jobs', 'Make it 0700.')
  if (!ephemeral && IN_MEMORY.includes((await statfs(folder)).type))
    throw spoolUnavailable(
      folder,
      'it lies in memory and is gone with the power',
      'Name a folder on a disk, or allow it with spool: { ephemeral: true }.',
    )
  await access(folder, constants.W_OK)
}

/** Makes new names in the folder last. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot, and needs not.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export interface FolderList {
  /** In the order in which they were begun. */
  readonly segments: readonly SegmentFile[]
  /** Files that were set aside. */
  readonly aside: readonly AsideFile[]
}

export interface AsideFile {
  readonly file: string
  readonly bytes: number
}

export async function listFolder(folder: string): Promise<FolderList> {
  const segments: SegmentFile[] = []
  const aside: AsideFile[] = []
  for (const file of (await readdir(folder)).sort()) {
    const path = join(folder, file)
    const segment = await segmentAt(path)
    if (segment !== null) segments.push(segment)
    const facts = ASIDE.test(file) ? await lstat(path).catch(ignoreMissing) : null
    if (facts !== null) aside.push({ file, bytes: facts.size })
  }
  return { segments, aside }
}

/** The segment whose file this is; null for every other file, and for one that is gone. */
export async function segmentAt(path: string): Promise<SegmentFile | null> {
  const found = SEGMENT.exec(basename(path))
  if (found === null) return null
  const [, name = '', host = '', pid, instance = ''] = found
  const facts = await lstat(path).catch(ignoreMissing)
  if (facts?.isFile() !== true) return null
  return { name, owner: { host, pid: Number(pid), instance }, path, bytes: facts.size, touchedAt: facts.mtimeMs }
}

/** The name of the segment whose file is called so; null for every other file. */
export const segmentNameOf = (path: string): string | null => SEGMENT.exec(basename(path))?.[1] ?? null

/** Marks whose segments are gone. Old ones only: a segment may have been begun since the list was made. */
export async function removeOrphans(folder: string, { segments }: FolderList, olderThan: number): Promise<void> {
  const known = new Set(segments.map(({ name }) => name))
  for (const file of await readdir(folder)) {
    const [, name] = MARK.exec(file) ?? []
    if (name === undefined || known.has(name)) continue
    const facts = await stat(join(folder, file)).catch(ignoreMissing)
    if (facts !== null && facts.mtimeMs < olderThan) await rm(join(folder, file), { force: true })
  }
}

/** Whether whoever writes this file is gone, as far as one can tell from here. */
export function isAbandoned(
  { owner, touchedAt }: SegmentFile,
  { self, staleBefore }: { readonly self: Owner; readonly staleBefore: number },
): boolean {
  if (owner.pid === NOBODY) return true
  if (owner.host !== self.host) return touchedAt < staleBefore
  if (owner.pid === self.pid && ownersHere().has(owner.instance)) return false
  // Of this process id as well: another thread of this process, or the predecessor in a container.
  return !isRunning(owner.pid) || touchedAt < staleBefore
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM'
  }
}

/** Whoever looks next adopts it, and need not wait until this process is known to be gone. */
export const letGo = (folder: string, segment: Pick<SegmentFile, 'name' | 'path'>, owner: Owner): Promise<string | null> =>
  adopt(folder, segment, { ...owner, pid: NOBODY })

/** The path under the new owner; null when another was faster. */
export async function adopt(folder: string, { name, path }: Pick<SegmentFile, 'name' | 'path'>, owner: Owner): Promise<string | null> {
  const adopted = segmentPath(folder, name, owner)
  return rename(path, adopted).then(() => adopted, ignoreMissing)
}
