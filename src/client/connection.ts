/**
 * The one backend of a Kerja instance: loaded and opened at first use, closed once.
 *
 * States: unopened → opening → open → closed. A failed opening goes back to unopened, so that the next call tries again.
 */
import type { Backend } from '../contract/backend.js'
import { KerjaError } from '../errors.js'

export interface Connection {
  /** The open backend; opens it at first use. Concurrent calls share one opening. @throws {BACKEND_CLOSED} and what `Backend.open` throws */
  open(): Promise<Backend>
  /** The backend when it is open by now, else null. @throws {BACKEND_CLOSED} */
  opened(): Backend | null
  /** The backend without opening it, for migrations. @throws {BACKEND_CLOSED} */
  load(): Promise<Backend>
  /** Closes what was opened. Idempotent, never throws. */
  close(): Promise<void>
}

/** What `load` hands over: the backend and how this holder lets go of it. */
export interface LoadedBackend {
  readonly backend: Backend
  readonly release: () => Promise<void>
}

/** `onUsed` is called at each use, before the backend is opened. */
export function createConnection(loadBackend: () => Promise<LoadedBackend>, onUsed: () => void = () => undefined): Connection {
  let loading: Promise<LoadedBackend> | null = null
  let opening: Promise<Backend> | null = null
  let open: Backend | null = null
  let closing: Promise<void> | null = null

  const refuseClosed = () => {
    if (closing !== null) throw new KerjaError('BACKEND_CLOSED', 'This Kerja instance was closed. Make a new one with `new Kerja(…)`.')
  }

  const load = (): Promise<LoadedBackend> => {
    loading ??= loadBackend().catch((error) => {
      loading = null
      throw error
    })
    return loading
  }

  const openOnce = async (): Promise<Backend> => {
    const { backend } = await load()
    await backend.open()
    refuseClosed()
    open = backend
    return backend
  }

  const close = async () => {
    if (loading === null) return
    // A failed loading has nothing to close, and its error was already given to whoever asked for the backend.
    const loaded = await loading.catch(() => null)
    await loaded?.release()
  }

  return {
    open: async () => {
      refuseClosed()
      onUsed()
      opening ??= openOnce().catch((error) => {
        opening = null
        throw error
      })
      return opening
    },
    opened: () => {
      refuseClosed()
      return open
    },
    load: async () => {
      refuseClosed()
      return (await load()).backend
    },
    close: () => {
      closing ??= close()
      return closing
    },
  }
}
