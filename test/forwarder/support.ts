/** Two stores and a move between them. */
import { randomUUID } from 'node:crypto'
import type { Backend, NewJob, Transfer } from 'kerja/backend'
import { onTestFinished } from 'vitest'
import { type MoveOptions, type MoveReport, move } from '../../dist/forwarder/move.js'
import { job } from '../sqlite/support.js'
import { BACKENDS, type TestBackend } from '../support/backends.js'

/** Every backend to every other, and to another store of its own kind. */
export const PAIRS: readonly { readonly from: TestBackend; readonly to: TestBackend }[] = BACKENDS.flatMap((from) =>
  BACKENDS.map((to) => ({ from, to })),
)

export async function openStore({ open }: TestBackend): Promise<Backend> {
  const backend = open()
  onTestFinished(() => backend.close())
  await backend.open()
  return backend
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

export const moveAll = (source: Backend, target: Backend, options: Partial<MoveOptions> = {}): Promise<MoveReport> =>
  move({
    source,
    target,
    history: false,
    wait: false,
    signal: new AbortController().signal,
    outageMs: 5_000,
    createId: randomUUID,
    random: Math.random,
    logger: silent,
    onProgress: () => undefined,
    ...options,
  })

export const withTransfer = (backend: Backend, change: (transfer: Transfer) => Partial<Transfer>): Backend => ({
  ...backend,
  transfer: { ...backend.transfer, ...change(backend.transfer) },
})

export const newJob = (overrides: Partial<NewJob> = {}): NewJob => job({ kind: 'test.move', maxAttempts: 3, ...overrides })

export async function push(backend: Backend, count: number, overrides: Partial<NewJob> = {}): Promise<string[]> {
  const jobs = Array.from({ length: count }, () => newJob(overrides))
  await backend.queue.push(jobs)
  return jobs.map(({ id }) => id)
}

/** The ids of all jobs, with the state each is in. */
export async function statesOf(backend: Backend): Promise<Map<string, string>> {
  const states = new Map<string, string>()
  let cursor: string | undefined
  do {
    const page = await backend.ledger.list({ limit: 200, ...(cursor === undefined ? {} : { cursor }) })
    for (const { id, state } of page.jobs) states.set(id, state)
    cursor = page.next ?? undefined
  } while (cursor !== undefined)
  return states
}
