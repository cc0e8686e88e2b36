/** `kerja move`: carries everything from one store to another. */
import { randomFillSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { type BackendAddress, isBroker, maskUrl, parseBackendUrl, parseStateUrl } from '../../backend-url.js'
import { createIdGenerator } from '../../core/id.js'
import { DEFAULTS } from '../../core/options.js'
import { countKeys, type MoveReport, move, survey } from '../../forwarder/move.js'
import type { Logger } from '../../index.js'
import { type HeldBackend, loadBackend } from '../../open-backend.js'
import { type Cli, createCli, createCliLogger } from '../cli.js'
import { CliError, EXIT } from '../exit.js'
import { examples } from '../help.js'
import { createProgress } from '../progress.js'
import { safe, shortDuration } from '../text.js'

interface Options {
  readonly from: string
  readonly fromState?: string
  readonly to: string
  readonly toState?: string
  readonly history?: boolean
  readonly wait?: boolean
  readonly dryRun?: boolean
}

const NOTES = `
Carries waiting jobs (scheduled, retryable, held and suspect ones too), paused queues, schedules and idempotency keys, with their ids. A job leaves
the old store only when the new one has it on disk, so a move may be stopped or killed at any time: run it again and it goes on. Workers may run on
either side. While producers still enqueue at the old store it goes on carrying what they add: switch them over, or stop it with Ctrl-C.

It ends with 0 when everything was moved, and with 1 when something is left: jobs that still run at the old store (see --wait), jobs that the new
store refused, or all that remained when it was stopped.

A broker is moved with its state: what waits in the broker is checked out first. To put a broker before the store you have, nothing is moved: name
the broker as the backend, and the store as its state.`

export function registerMove(program: Command): void {
  program
    .command('move')
    .summary('carry everything from one store to another')
    .description('Carry everything from one store to another: jobs, schedules, paused queues, idempotency keys.')
    .requiredOption('--from <url>', 'the old store, such as sqlite:jobs.db')
    .requiredOption('--to <url>', 'the new store, such as sqlite:/var/lib/app/jobs.db')
    .option('--from-state <url>', 'the SQL store of an old store that is a broker')
    .option('--to-state <url>', 'the SQL store of a new store that is a broker')
    .option('--history', 'also jobs that have ended')
    .option('--wait', 'wait for jobs that run at the old store, and carry those that come back')
    .option('--dry-run', 'print what there is to move, and change nothing')
    .addHelpText('after', NOTES)
    .addHelpText(
      'after',
      examples([
        'kerja move --from sqlite:jobs.db --to sqlite:/mnt/new/jobs.db --dry-run',
        'kerja move --from sqlite:jobs.db --to sqlite:/mnt/new/jobs.db --history --wait',
        'kerja move --from sqlite:jobs.db --to amqp://app@mq/jobs --to-state postgres://app@db/app',
      ]),
    )
    .action(async (options: Options, command: Command) => {
      const cli = createCli(command)
      const logger = createCliLogger(cli.output)
      const from = storeOf(options.from, options.fromState, '--from', cli.cwd)
      const to = storeOf(options.to, options.toState, '--to', cli.cwd)
      const [fromStore, toStore] = [from.state ?? from.backend, to.state ?? to.backend]
      if (fromStore === toStore)
        throw new CliError('USAGE', `--from and --to keep their jobs in the same store, ${maskUrl(fromStore)}, so there is nothing to move.`)
      await withBackend(from, logger, async (source) => {
        await refuseEmpty(source)
        await withBackend(to, logger, (target) =>
          options.dryRun === true ? showPlan(cli, source, target, options) : run(cli, logger, { source, target, options }),
        )
      })
    })
}

interface Store {
  /** URLs, the same for the same store. */
  readonly backend: string
  readonly state: string | null
}

/** @throws {BACKEND_UNKNOWN} {OPTION_UNKNOWN} {OPTION_INVALID} {USAGE} */
function storeOf(url: string, stateUrl: string | undefined, option: '--from' | '--to', folder: string): Store {
  const address = parseBackendUrl(url, folder)
  if (address.scheme === 'memory')
    throw new CliError('USAGE', `${option} is memory:, which lives and dies with this process. Name a store that lasts.`)
  if (!isBroker(address)) {
    if (stateUrl !== undefined) throw new CliError('USAGE', `${option}-state is for a broker, and ${option} is none. Leave it out.`)
    if (option === '--from') refuseMissing(address, option)
    return { backend: address.key, state: null }
  }
  if (stateUrl === undefined) throw new CliError('USAGE', `${option} is a broker, whose jobs are in a SQL store too: name it with ${option}-state.`)
  const state = parseStateUrl(stateUrl, folder)
  if (option === '--from') refuseMissing(state, `${option}-state`)
  return { backend: address.key, state: state.key }
}

function refuseMissing(address: BackendAddress, option: string): void {
  if (address.scheme === 'sqlite' && !existsSync(address.options.path))
    throw new CliError('STORE_NOT_FOUND', `${address.options.path} does not exist, so there is nothing to move. Check ${option}.`)
}

async function withBackend(store: Store, logger: Logger, act: (backend: HeldBackend['backend']) => Promise<void>): Promise<void> {
  const { backend, release } = await loadBackend({ ...store, environmentFirst: false }, logger)
  try {
    await act(backend)
  } finally {
    await release()
  }
}

/** Opening a store makes one: a mistyped name would be an empty store, moved with success. */
async function refuseEmpty(source: HeldBackend['backend']): Promise<void> {
  const pending = await source.migrate({ apply: false })
  if (pending.some(({ version }) => version === 1))
    throw new CliError('STORE_NOT_FOUND', `${source.location} holds no tables of Kerja, so there is nothing to move. Check --from.`)
}

async function showPlan({ output }: Cli, source: HeldBackend['backend'], target: HeldBackend['backend'], options: Options): Promise<void> {
  await source.open()
  const [found, keyCount, schedules, steps] = await Promise.all([
    survey(source),
    countKeys(source),
    source.coordination.schedules(),
    target.migrate({ apply: false }),
  ])
  output.value({
    from: source.location,
    to: target.location,
    dryRun: true,
    jobs: found.waitingCount,
    running: found.runningCount,
    history: found.endedCount,
    keys: keyCount,
    schedules: schedules.map(({ name }) => name),
    pausedQueues: found.pausedQueues,
    targetMigrations: steps.length,
  })
  output.line(`${safe(source.location)} → ${safe(target.location)}: nothing was changed. There are`)
  output.line(`  ${found.waitingCount} waiting jobs`)
  output.line(
    `  ${found.runningCount} running jobs, which stay with their workers${options.wait === true ? ' until they end or come back' : ' (see --wait)'}`,
  )
  output.line(`  ${found.endedCount} ended jobs${options.history === true ? '' : ', which stay (see --history)'}`)
  output.line(`  ${keyCount} idempotency keys, ${schedules.length} schedules, ${found.pausedQueues.length} paused queues`)
  if (steps.length > 0) output.line(`The new store's schema is brought up to date first: ${steps.length} steps.`)
}

interface Run {
  readonly source: HeldBackend['backend']
  readonly target: HeldBackend['backend']
  readonly options: Options
}

async function run({ output }: Cli, logger: Logger, { source, target, options }: Run): Promise<void> {
  const stop = new AbortController()
  // A second signal ends the process, as ever.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  await source.open()
  await target.open()
  const startedAt = performance.now()
  const progress = createProgress({ stream: process.stderr, quiet: output.json, now: () => performance.now() })
  try {
    const report = await move({
      source,
      target,
      history: options.history === true,
      wait: options.wait === true,
      signal: stop.signal,
      outageMs: DEFAULTS.forwarder.outageMs,
      createId: createIdGenerator({ now: Date.now, randomFill: (bytes) => void randomFillSync(bytes) }),
      random: Math.random,
      logger: { ...logger, warn: (message) => progress.aside(() => logger.warn(message)) },
      onProgress: progress.show,
    })
    progress.end()
    const done = isDone(report)
    if (!done) process.exitCode = EXIT.failed
    output.value(reportJson(report, { source, target, done, ms: Math.round(performance.now() - startedAt) }))
    printReport(output, report, { source, target, ms: performance.now() - startedAt })
  } finally {
    progress.end()
  }
}

const isDone = ({ runningCount, stopped, jobs, history }: MoveReport): boolean =>
  runningCount === 0 && !stopped && jobs.refused + history.refused === 0

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function reportJson(
  report: MoveReport,
  { source, target, done, ms }: Pick<Run, 'source' | 'target'> & { readonly done: boolean; readonly ms: number },
) {
  const { jobs, history, keyCount, schedules, pausedQueues, runningCount, stopped, refusals } = report
  return {
    from: source.location,
    to: target.location,
    dryRun: false,
    done,
    jobs,
    history,
    keys: keyCount,
    schedules,
    pausedQueues,
    running: runningCount,
    stopped,
    refusals: refusals.map(({ jobId, error }) => ({ id: jobId, message: wordsOf(error) })),
    durationMs: ms,
  }
}

function printReport(
  output: Cli['output'],
  report: MoveReport,
  { source, target, ms }: Pick<Run, 'source' | 'target'> & { readonly ms: number },
): void {
  const { jobs, history, keyCount, schedules, pausedQueues, runningCount, stopped, refusals } = report
  const { line } = output
  line(`${safe(source.location)} → ${safe(target.location)} in ${shortDuration(ms)}:`)
  line(
    `  ${jobs.moved} jobs, ${history.moved} ended jobs, ${keyCount} idempotency keys, ${schedules.accepted.length} schedules, ${pausedQueues.length} paused queues`,
  )
  const merged = jobs.duplicate + history.duplicate
  if (merged > 0) line(`  ${merged} were there already and merged`)
  if (jobs.superseded > 0) line(`  ${jobs.superseded} stand behind a job with the same key: cancelled, their reason names it`)
  if (schedules.kept.length > 0) line(`  schedules that had ticked there, or differ, stay as they are there: ${schedules.kept.map(safe).join(', ')}`)
  for (const { jobId, error } of refusals) line(`  refused: ${jobId}: ${safe(wordsOf(error))}`)
  if (jobs.refused + history.refused > refusals.length) line(`  and ${jobs.refused + history.refused - refusals.length} more were refused`)
  if (runningCount > 0) line(`${runningCount} jobs still run at the old store. Move again when they have ended, or with --wait.`)
  if (stopped) line('It was stopped before its end. Run it again: it goes on where it was.')
}
