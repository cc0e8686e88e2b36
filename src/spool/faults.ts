/** What the file system says, as coded errors. */
import { KerjaError } from '../errors.js'

const codeOf = (error: unknown): string => (error as { code?: unknown } | null)?.code as string

/** A file of ours was moved or removed meanwhile: nothing to say. Everything else is thrown. */
export function ignoreMissing(error: unknown): null {
  if (codeOf(error) === 'ENOENT') return null
  throw error
}

const FULL = ['ENOSPC', 'EDQUOT', 'EFBIG']
const REMEDIES: Readonly<Record<string, string>> = Object.freeze({
  EACCES: 'Give this user the right to write there.',
  EPERM: 'Give this user the right to write there.',
  EROFS: 'Name a folder on a disk that can be written.',
  ENOTDIR: 'Name a folder, not a file.',
  ENOENT: 'Make the folder above it, or name another.',
  EMFILE: 'Raise the limit of open files of this process.',
})

/** The error as a coded one that says what to do; those that are coded already pass as they are. */
export function faultOf(error: unknown, path: string): KerjaError {
  if (error instanceof KerjaError) return error
  const code = codeOf(error)
  const words = error instanceof Error ? error.message : String(error)
  if (FULL.includes(code)) {
    return new KerjaError(
      'SPOOL_FULL',
      `The disk of the spool ${path} is full (${words}), so this job was not taken. Make room there, or bring the backend back.`,
      {
        cause: error,
        details: { path },
      },
    )
  }
  return spoolUnavailable(path, words, REMEDIES[code] ?? 'Check that folder and its disk.', error)
}

export const spoolUnavailable = (path: string, why: string, remedy: string, cause?: unknown): KerjaError =>
  new KerjaError('SPOOL_UNAVAILABLE', `The spool ${path} cannot be used: ${why}. ${remedy}`, { cause, details: { path } })

export const spoolFull = (path: string, bytes: number, maxBytes: number): KerjaError =>
  new KerjaError(
    'SPOOL_FULL',
    `The spool ${path} is full: it holds ${bytes} of maxBytes ${maxBytes}, so this job was not taken. ` +
      'Bring the backend back, mend or remove what was set aside there, or raise spool.maxBytes.',
    { details: { path, bytes, maxBytes } },
  )
