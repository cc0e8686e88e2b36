/** A spool folder, a backend that goes away when told, and a Kerja over both. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EventName, Kerja, KerjaError, type KerjaOptions, type LifecycleEvents, type SpoolOptions } from 'kerja'
import type { Backend, JobRecord, NewJob } from 'kerja/backend'
import { onTestFinished } from 'vitest'
import { createSpool, type Spool } from '../../dist/spool/spool.js'

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kerja-spool-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The path of a spool that does not exist yet. */
export const spoolPath = (): string => join(temporaryFolder(), 'spool')

export const filesOf = (folder: string): string[] => readdirSync(folder).sort()

export interface Outage {
  readonly backend: Backend
  /** Every call fails, with this error; null ends it. */
  error: KerjaError | null
  /** What was asked of it while it was away. */
  refusedCount: number
}

export const away = (): KerjaError => new KerjaError('BACKEND_UNAVAILABLE', 'The backend is away, says the test.')

/** The backend, whose pushes and accepts fail while it is away. */
export function withOutage(backend: Backend): Outage {
  const refuse = (): void => {
    if (outage.error === null) return
    outage.refusedCount += 1
    throw outage.error
  }
  const outage: Outage = {
    error: null,
    refusedCount: 0,
    backend: {
      ...backend,
      open: async () => {
        refuse()
        await backend.open()
      },
      queue: {
        ...backend.queue,
        push: async (...args) => {
          refuse()
          return backend.queue.push(...args)
        },
      },
      transfer: {
        ...backend.transfer,
        accept: async (jobs) => {
          refuse()
          return backend.transfer.accept(jobs)
        },
      },
    },
  }
  return outage
}

export interface SpoolStage {
  readonly kerja: Kerja
  /** Resolves at the next event of that name for which `when` holds; those that were told already count. */
  until<Name extends EventName>(name: Name, when?: (event: LifecycleEvents[Name]) => boolean): Promise<LifecycleEvents[Name]>
  seen<Name extends EventName>(name: Name): readonly LifecycleEvents[Name][]
  /** Resolves when nothing is spooled any more. */
  drained(): Promise<void>
}

const NAMES = ['job.enqueued', 'job.spooled', 'spool.began', 'spool.ended', 'spool.drained', 'spool.trouble', 'spool.aside'] as const

export function openSpoolStage(backend: KerjaOptions['backend'], spool: SpoolOptions, options: KerjaOptions = {}): SpoolStage {
  const kerja = new Kerja({ ...(backend === undefined ? {} : { backend }), logger: 'silent', ...options, spool: { ephemeral: true, ...spool } })
  onTestFinished(() => kerja.close())
  const told = new Map<string, LifecycleEvents[EventName][]>(NAMES.map((name) => [name, []]))
  const waiters = new Set<() => void>()
  for (const name of NAMES)
    kerja.events.on(name, (event) => {
      told.get(name)?.push(event)
      for (const check of [...waiters]) check()
    })
  const seen = <Name extends EventName>(name: Name) => (told.get(name) ?? []) as LifecycleEvents[Name][]
  const when = <Value>(find: () => Value | undefined): Promise<Value> =>
    new Promise((resolve) => {
      const check = (): void => {
        const found = find()
        if (found === undefined) return
        waiters.delete(check)
        resolve(found)
      }
      waiters.add(check)
      check()
    })
  return {
    kerja,
    seen,
    until: (name, holds = () => true) => when(() => seen(name).find(holds)),
    drained: () => when(() => (kerja.spool.stats().jobCount === 0 && seen('spool.drained').length > 0 ? true : undefined)).then(() => undefined),
  }
}

/** All jobs of the store, oldest first. */
export async function allJobs(backend: Backend): Promise<JobRecord[]> {
  const jobs: JobRecord[] = []
  let cursor: string | undefined
  do {
    const page = await backend.ledger.list({ limit: 200, ...(cursor === undefined ? {} : { cursor }) })
    jobs.push(...page.jobs)
    cursor = page.next ?? undefined
  } while (cursor !== undefined)
  return jobs.reverse()
}

/** A spool by itself. */
export function openSpool(
  path: string,
  options: Partial<Parameters<typeof createSpool>[0]> = {},
): Spool & { readonly damaged: { file: string; bytes: number }[] } {
  const damaged: { file: string; bytes: number }[] = []
  const spool = createSpool({
    path,
    maxBytes: 64 * 1_048_576,
    ephemeral: true,
    segmentBytes: 1_048_576,
    staleMs: 30_000,
    now: Date.now,
    onDamaged: (each) => void damaged.push(each),
    ...options,
  })
  onTestFinished(() => spool.close())
  return { ...spool, damaged }
}

/** Reads and leaves until nothing is there. */
export async function readAll(spool: Spool, jobs = 100): Promise<NewJob[]> {
  const found: NewJob[] = []
  for (let batch = await spool.read({ jobs, bytes: 1_048_576 }); batch !== null; batch = await spool.read({ jobs, bytes: 1_048_576 })) {
    found.push(...batch.spooled.map(({ job }) => job))
    await spool.leave(batch)
  }
  return found
}
