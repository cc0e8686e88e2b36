/**
 * The folder of a spool: which files are whose. Every process writes files of its own, so that none waits for another.
 *
 * `1764000000000-1a2b3c4d.web1-4711-9f8e7d6c.spool`: when it was begun and a number, host, process and instance of its owner.
 * `1764000000000-1a2b3c4d.left`: how far it has been drained. `….damaged` and `….refused`: what was set aside.
 *
 * A file whose owner is dead is adopted: renamed to another owner. That the owner is dead is a guess, and a wrong one does no harm. A writer looks
 * after each write whether its file still has its name, and if not writes the same again elsewhere before anybody is told that it is stored; and
 * who adopts reads only after the rename. So nothing is missed, and what two processes drain merges by id.
 */
import { randomBytes } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { ignoreMissing, isMissing, unavailable } from './faults.js'

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
const LEFT = /^(\d{13}-[0-9a-f]{8})\.left$/
const ASIDE = /\.(damaged|refused)$/
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
export const leftPath = (folder: string, name: string): string => join(folder, `${name}.left`)

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

/** Makes the folder, readable by its user alone. @throws {SPOOL_UNAVAILABLE} where jobs would not last, or others could put some in */
export async function prepareFolder(folder: string, ephemeral: boolean): Promise<void> {
  const created = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (created !== undefined) await chmod(folder, 0o700)
  const found = await lstat(folder)
  if (found.isSymbolicLink()) throw unavailable(folder, 'it is a symbolic link', 'Name the folder that it leads to.')
  if (process.platform !== 'win32' && (found.mode & OTHERS_WRITE) !== 0)
    throw unavailable(folder, 'every user may write there, and so could enqueue jobs', 'Make it 0700.')
  if (!ephemeral && IN_MEMORY.includes((await statfs(folder)).type))
    throw unavailable(folder, 'it lies in memory and is gone with the power', 'Name a folder on a disk, or allow it with spool: { ephemeral: true }.')
}

export interface FolderList {
  /** In the order in which they were begun. */
  readonly segments: readonly SegmentFile[]
  /** Files that were set aside. */
  readonly aside: readonly string[]
}

export async function listFolder(folder: string): Promise<FolderList> {
  const names = (await readdir(folder)).sort()
  const segments: SegmentFile[] = []
  for (const file of names) {
    const found = SEGMENT.exec(file)
    if (found === null) continue
    const [, name = '', host = '', pid, instance = ''] = found
    const path = join(folder, file)
    const facts = await lstat(path).catch(ignoreMissing)
    if (facts?.isFile() === true)
      segments.push({ name, owner: { host, pid: Number(pid), instance }, path, bytes: facts.size, touchedAt: facts.mtimeMs })
  }
  return { segments, aside: names.filter((file) => ASIDE.test(file)) }
}

/** Marks whose segments are gone. Old ones only: a segment may have been begun since the list was made. */
export async function removeOrphans(folder: string, { segments }: FolderList, olderThan: number): Promise<void> {
  const known = new Set(segments.map(({ name }) => name))
  for (const file of await readdir(folder)) {
    const [, name] = LEFT.exec(file) ?? []
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
  if (owner.pid === self.pid) return !ownersHere().has(owner.instance)
  return !isRunning(owner.pid) || touchedAt < staleBefore
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM'
  }
}

/** Whoever looks next takes it on, and need not wait until this process is known to be gone. */
export const letGo = (folder: string, segment: Pick<SegmentFile, 'name' | 'path'>, owner: Owner): Promise<string | null> =>
  adopt(folder, segment, { ...owner, pid: NOBODY })

/** The path under the new owner; null when another was faster. */
export async function adopt(folder: string, { name, path }: Pick<SegmentFile, 'name' | 'path'>, owner: Owner): Promise<string | null> {
  const adopted = segmentPath(folder, name, owner)
  try {
    await rename(path, adopted)
    return adopted
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}
