// The public names of each subpath, from what is shipped. A name that comes or goes is a decision: change the list here and write a line in CHANGELOG.md.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const { exports: subpaths } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: Record<string, { types: string } | string> }

interface Names {
  /** Names that exist at run time. */
  readonly values: readonly string[]
  /** Names that exist for the compiler only. */
  readonly types: readonly string[]
}

const PUBLIC: Readonly<Record<string, Names>> = {
  '.': {
    values: [
      'ERROR_CODES',
      'EnqueueTimeoutError',
      'IdempotencyConflictError',
      'JobCancelledError',
      'JobFailedError',
      'Kerja',
      'KerjaError',
      'LeaseLostError',
      'ResultTimeoutError',
      'UniqueConflictError',
      'UnsupportedError',
      'createLogger',
      'defineConfig',
      'defineJob',
      'defineSchedule',
      'isKerjaError',
      'type',
    ],
    types: [
      'AnyJob',
      'Attempt',
      'AwaitOptions',
      'BackoffOptions',
      'Duration',
      'EnqueueManyOptions',
      'EnqueueOptions',
      'EventHub',
      'EventListener',
      'EventName',
      'Handler',
      'HandlerFunction',
      'HandlerOptions',
      'HoldReason',
      'InputOf',
      'Job',
      'JobChange',
      'JobContext',
      'JobDefinition',
      'JobList',
      'JobListQuery',
      'JobLogger',
      'JobOutcome',
      'JobProgressView',
      'JobRequest',
      'JobSpec',
      'JobState',
      'Jobs',
      'KerjaConfig',
      'KerjaErrorCode',
      'KerjaErrorOptions',
      'KerjaOptions',
      'LifecycleEvents',
      'LogLevel',
      'LogLineView',
      'Logger',
      'Outcome',
      'OutputOf',
      'PayloadOf',
      'Priority',
      'QueueStatus',
      'Queues',
      'Receipt',
      'ReturnedOf',
      'ScheduleDeclaration',
      'ScheduleOptions',
      'ScheduleStatus',
      'Schedules',
      'Schema',
      'Spool',
      'SpoolOptions',
      'SpoolStatus',
      'TransactionHandle',
      'UniqueOptions',
      'WatchEvent',
      'WatchOptions',
      'Worker',
      'WorkerOptions',
      'WorkerState',
      'WorkerStatus',
      'Workers',
    ],
  },
  './define': {
    values: ['defineJob', 'defineSchedule', 'type'],
    types: [
      'AnyJob',
      'BackoffOptions',
      'Duration',
      'EnqueueOptions',
      'Handler',
      'HandlerFunction',
      'HandlerOptions',
      'InputOf',
      'JobContext',
      'JobDefinition',
      'JobLogger',
      'JobRequest',
      'JobSpec',
      'Outcome',
      'OutputOf',
      'PayloadOf',
      'Priority',
      'ReturnedOf',
      'ScheduleDeclaration',
      'ScheduleOptions',
      'Schema',
      'TransactionHandle',
      'UniqueOptions',
    ],
  },
  './sqlite': {
    values: ['sqlite'],
    types: ['SqliteOptions'],
  },
  './postgres': {
    values: ['postgres'],
    types: ['PostgresOptions'],
  },
  './rabbitmq': {
    values: ['rabbitmq', 'rabbitmqTopology'],
    types: ['QueueDeclaration', 'RabbitmqOptions', 'TopologyOptions'],
  },
  './sqs': {
    values: ['sqs'],
    types: ['SqsOptions'],
  },
  './memory': {
    values: ['memory'],
    types: ['MemoryOptions'],
  },
  './backend': {
    values: ['clockFrom', 'createManualClock', 'systemClock'],
    types: [
      'AcceptResult',
      'AttemptRecord',
      'Backend',
      'BackendPlace',
      'BeatResult',
      'BeatsModule',
      'CancelRequest',
      'Capabilities',
      'CarriedJob',
      'CarriedKey',
      'CarriedPage',
      'ChangeResult',
      'ClaimKind',
      'ClaimRequest',
      'ClaimResult',
      'ClaimedJob',
      'Coordination',
      'Departure',
      'HeartbeatConnection',
      'HeartbeatModule',
      'HeartbeatSource',
      'HostedBeats',
      'JobChanges',
      'JobEnd',
      'JobFailure',
      'JobPage',
      'JobProgress',
      'JobQuery',
      'JobRecord',
      'KeyPage',
      'LapsedLease',
      'LeaseRef',
      'LeaveResult',
      'Ledger',
      'LedgerWrite',
      'LogLine',
      'ManualClock',
      'MigrationStep',
      'NewJob',
      'NewJobIdempotency',
      'NewJobUnique',
      'PageRequest',
      'PushOutcome',
      'PushResult',
      'Queue',
      'QueueStats',
      'ScheduleDefinition',
      'ScheduleFiring',
      'ScheduleRecord',
      'SettleResult',
      'Settlement',
      'SettlementOutcome',
      'StandingKey',
      'StoreClock',
      'TakeRequest',
      'Transfer',
      'WakeListener',
      'WorkerRecord',
      'WorkerRegistration',
    ],
  },
  './testing/conformance': {
    values: ['capabilityTable', 'runBackendConformance'],
    types: [
      'CallerTransaction',
      'CapabilityName',
      'ConformanceCase',
      'ConformanceOptions',
      'ConformanceReport',
      'ConformanceResult',
      'ConformanceTarget',
      'TestFunctions',
    ],
  },
}

const DECLARED = /^export (?:declare )?(?:abstract )?(type|interface|const|function|class|enum|let)\s+(\w+)/gm
const LISTED = /^export (type )?\{([^}]*)\}(?: from '([^']+)')?/gm
const EVERYTHING = /^export (type )?\* from '([^']+)'/gm

/** Names that a declaration file exports, with those of the files it passes on whole. */
function declaredNames(file: string): Set<string> {
  const text = readFileSync(file, 'utf8')
  const names = new Set<string>([...text.matchAll(DECLARED)].map(([, , name]) => name as string))
  for (const [, , list = ''] of text.matchAll(LISTED)) {
    for (const item of list.split(',')) {
      const name = item
        .trim()
        .replace(/^type (?=\w)/, '')
        .replace(/^.* as /, '')
      if (name !== '') names.add(name)
    }
  }
  for (const [, , target = ''] of text.matchAll(EVERYTHING)) {
    for (const name of declaredNames(join(dirname(file), target.replace(/\.js$/, '.d.ts')))) names.add(name)
  }
  return names
}

async function publicNames(subpath: string): Promise<Names> {
  const module = (await import(subpath === '.' ? 'kerja' : `kerja/${subpath.slice(2)}`)) as object
  const values = Object.keys(module).sort()
  const declared = declaredNames(join(root, (subpaths[subpath] as { types: string }).types))
  expect(
    values.filter((name) => !declared.has(name)),
    'every value has a type',
  ).toEqual([])
  return { values, types: [...declared].filter((name) => !values.includes(name)).sort() }
}

describe('public names', () => {
  it('has a list for every subpath', () => {
    expect(Object.keys(subpaths).filter((subpath) => subpath !== './package.json')).toEqual(Object.keys(PUBLIC))
  })

  it.each(Object.keys(PUBLIC))('of %s', async (subpath) => {
    expect(await publicNames(subpath)).toEqual(PUBLIC[subpath])
  })

  it('ships what package.json names', () => {
    const files = Object.values(subpaths).flatMap((entry) => (typeof entry === 'string' ? [entry] : Object.values(entry)))
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
  })
})
