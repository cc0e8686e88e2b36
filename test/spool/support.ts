/** A spool folder, a backend that goes away when told, and a Kerja over both. */
import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EventName, Kerja, KerjaError, type KerjaOptions, type LifecycleEvents, type SpoolOptions } from 'kerja'
import type { Backend, JobRecord, NewJob } from 'kerja/backend'
import { onTestFinished } from 'vitest'
import { createSpoolFiles, type SpoolFiles } from '../../dist/spool/spool.js'
import { job } from '../sqlite/support.js'
import { createWaiting } from '../support/waiting.js'

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
  const { check, when } = createWaiting()
  for (const name of NAMES)
    kerja.events.on(name, (event) => {
      told.get(name)?.push(event)
      check()
    })
  const seen = <Name extends EventName>(name: Name) => (told.get(name) ?? []) as LifecycleEvents[Name][]
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
  options: Partial<Parameters<typeof createSpoolFiles>[0]> = {},
): SpoolFiles & { readonly damaged: { file: string; bytes: number }[] } {
  const damaged: { file: string; bytes: number }[] = []
  const spool = createSpoolFiles({
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
export async function readAll(spool: SpoolFiles, jobs = 100): Promise<NewJob[]> {
  const found: NewJob[] = []
  for (let batch = await spool.read({ jobs, bytes: 1_048_576 }); batch !== null; batch = await spool.read({ jobs, bytes: 1_048_576 })) {
    found.push(...batch.spooled.map(({ job }) => job))
    await spool.leave(batch)
  }
  return found
}

export const jobs = (count: number) => Array.from({ length: count }, (_, n) => job({ payload: JSON.stringify({ n }) }))
export const idsOf = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id)
export const only = (folder: string, ending: string) => filesOf(folder).filter((file) => file.endsWith(ending))

/** Leaves its files as a dead process would: of this host, of a process that is none. */
export async function deadSpool(path: string, written: ReturnType<typeof jobs>): Promise<string> {
  const spool = openSpool(path)
  for (const each of written) await spool.write([each])
  await spool.close()
  const [file = ''] = only(path, '.spool')
  const dead = file.replace(/-\d+-([0-9a-f]{8})\.spool$/, '-999999999-$1.spool')
  renameSync(join(path, file), join(path, dead))
  return join(path, dead)
}

/** A function of `node:fs/promises` does this instead, for as long as the test runs. */
export function patchFiles<Name extends 'mkdir' | 'open' | 'rename' | 'stat' | 'statfs' | 'writeFile'>(
  name: Name,
  make: (real: (typeof promises)[Name]) => (typeof promises)[Name],
): void {
  const functions = promises as unknown as Record<Name, (typeof promises)[Name]>
  const real = functions[name]
  functions[name] = make(real)
  syncBuiltinESMExports()
  onTestFinished(() => {
    functions[name] = real
    syncBuiltinESMExports()
  })
}

export const failure = (code: string): Error => Object.assign(new Error(`${code}: says the test`), { code })
