/** `kerja status`: the system on one page. */
import type { Command } from 'commander'
import type { BackendPlace } from '../../contract/backend.js'
import { isKerjaError, type Kerja, type QueueStatus, type ScheduleStatus, type WorkerStatus } from '../../index.js'
import { createCli, createCliLogger } from '../cli.js'
import { EXIT, judge } from '../exit.js'
import { examples } from '../help.js'
import type { Output } from '../output.js'
import { placesOf } from '../places.js'
import { configuredSpool } from '../spool-place.js'
import { relativeTime, safe, shortDuration } from '../text.js'
import { QUEUE_COLUMNS, queueJson, queueRow } from '../views.js'

interface BackendFacts {
  readonly location: string
  readonly source: string
  /** Of a backend that keeps jobs in more than one. */
  readonly places: readonly BackendPlace[]
}

interface Facts {
  readonly backend: BackendFacts
  readonly spool: Awaited<ReturnType<typeof configuredSpool>>
}

interface Overview {
  readonly queues: readonly QueueStatus[]
  readonly workers: readonly WorkerStatus[]
  readonly schedules: readonly ScheduleStatus[]
}

export function registerStatus(program: Command): void {
  program
    .command('status')
    .summary('the system on one page')
    .description(
      'Show the backend and whether it answers, the queues, the workers, the schedules and the configured spool. ' +
        'Exits with 4 when the backend does not answer.',
    )
    .addHelpText('after', examples(['kerja status', "kerja status --json | jq '.workers.alive'"]))
    .action(async (_options: unknown, command: Command) => {
      const cli = createCli(command)
      const { output, withKerja } = cli
      const target = await cli.target()
      const { source, location } = target
      const spool = await configuredSpool(cli)
      await withKerja(async (kerja) => {
        const answer = await ask(kerja)
        const backend = { location, source, places: await placesOf(target, createCliLogger(output)).catch(() => []) }
        if (backend.places.some(({ error }) => error !== null)) process.exitCode = EXIT.unavailable
        if (answer.overview === null) return unreachable(output, { backend, spool }, answer.error)
        output.value({ backend: { ...backendJson(backend), reachable: true, error: null }, ...overviewJson(answer.overview), spool })
        print(output, { backend, spool }, answer.overview)
      })
    })
}

async function ask(
  kerja: Kerja,
): Promise<{ readonly overview: Overview; readonly error: null } | { readonly overview: null; readonly error: unknown }> {
  try {
    const [queues, workers, schedules] = await Promise.all([kerja.queues.stats(), kerja.workers.list(), kerja.schedules.list()])
    return { overview: { queues, workers, schedules }, error: null }
  } catch (error) {
    if (!isKerjaError(error)) throw error
    return { overview: null, error }
  }
}

function overviewJson({ queues, workers, schedules }: Overview) {
  const alive = workers.filter((worker) => worker.alive)
  return {
    queues: queues.map(queueJson),
    workers: {
      alive: alive.length,
      dead: workers.length - alive.length,
      runningCount: sum(alive, (worker) => worker.runningCount),
      concurrency: sum(alive, (worker) => worker.concurrency),
    },
    schedules: scheduleFacts(schedules, Date.now()),
  }
}

/** An unreachable backend is an answer to this question: it goes where answers go, and the exit code says it too. */
function unreachable(output: Output, { backend, spool }: Facts, error: unknown): void {
  const { exitCode, report } = judge(error)
  process.exitCode = exitCode
  output.value({
    backend: { ...backendJson(backend), reachable: false, error: { code: report?.code, message: report?.message } },
    queues: [],
    workers: null,
    schedules: null,
    spool,
  })
  output.line(`backend    ${safe(backend.location)} (from ${safe(backend.source)})`)
  output.line(`reachable  ${output.paint('red', 'no')}: ${report?.code} ${safe(report?.message ?? '')}`)
  printPlaces(output, backend)
  printSpool(output, spool)
}

const backendJson = ({ location, source, places }: BackendFacts) => ({
  location,
  source,
  places: places.map(({ error, ...place }) => {
    const { report } = judge(error)
    return { ...place, reachable: error === null, error: error === null ? null : { code: report?.code, message: report?.message } }
  }),
})

function printPlaces(output: Output, { places }: BackendFacts): void {
  for (const { name, error } of places) {
    const { report } = judge(error)
    const words =
      error === null ? output.paint('green', 'answers') : `${output.paint('red', 'is away')}: ${report?.code} ${safe(report?.message ?? '')}`
    output.line(`${name.padEnd(10)} ${words}`)
  }
}

function printSpool(output: Output, spool: Facts['spool']): void {
  if (spool === null) return
  const oldest = spool.oldestAgeMs === null ? '' : `, the oldest for ${shortDuration(spool.oldestAgeMs)}`
  const aside = spool.asideCount === 0 ? '' : `, ${output.paint('yellow', `${spool.asideCount} files set aside`)}`
  output.line(`spool      ${spool.jobCount} jobs${oldest}${aside}`)
}

function print(output: Output, { backend, spool }: Facts, overview: Overview): void {
  const { workers, schedules } = overviewJson(overview)
  output.line(`backend    ${safe(backend.location)} (from ${safe(backend.source)})`)
  if (backend.places.length === 0) output.line(`reachable  ${output.paint('green', 'yes')}`)
  printPlaces(output, backend)
  const dead = workers.dead === 0 ? '' : `, ${output.paint('yellow', `${workers.dead} dead`)}`
  output.line(`workers    ${workers.alive} alive${dead}, ${workers.runningCount} of ${workers.concurrency} slots busy`)
  const next = schedules.next === null ? '' : `, next ${safe(schedules.next.name)} ${relativeTime(schedules.next.nextAt, Date.now())}`
  const paused = schedules.pausedCount === 0 ? '' : `, ${schedules.pausedCount} paused`
  const due = schedules.dueCount === 0 ? '' : `, ${output.paint('yellow', `${schedules.dueCount} due`)}`
  output.line(`schedules  ${schedules.count}${paused}${due}${next}`)
  printSpool(output, spool)
  output.line()
  if (overview.queues.length === 0) output.line('No queues yet: a queue appears with its first job.')
  else output.table(QUEUE_COLUMNS, overview.queues.map(queueRow))
}

function scheduleFacts(schedules: readonly ScheduleStatus[], now: number) {
  const active = schedules.filter((schedule) => !schedule.paused).sort((one, other) => one.nextAt.getTime() - other.nextAt.getTime())
  const [next] = active
  return {
    count: schedules.length,
    pausedCount: schedules.length - active.length,
    /** Their tick has come and no worker has fired it yet. */
    dueCount: active.filter((schedule) => schedule.nextAt.getTime() <= now).length,
    next: next === undefined ? null : { name: next.name, nextAt: next.nextAt },
  }
}

const sum = <Item>(items: readonly Item[], of: (item: Item) => number): number => items.reduce((total, item) => total + of(item), 0)
