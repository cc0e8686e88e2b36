/** `kerja spool`: what waits on this machine for the backend, and draining it by hand. */
import type { Command } from 'commander'
import { DEFAULTS } from '../../core/options.js'
import { createAgain } from '../../forwarder/again.js'
import { type DrainFolderOptions, drainFile, drainFolder } from '../../forwarder/drain-folder.js'
import { loadBackend } from '../../open-backend.js'
import { summaryOf } from '../../spool/inspect.js'
import { type Cli, createCli, createCliLogger } from '../cli.js'
import { EXIT } from '../exit.js'
import { examples } from '../help.js'
import { lookAt, placeOf } from '../spool-place.js'
import { safe, shortDuration } from '../text.js'

const PATH = 'the folder of the spool, or one file of it (default: spool.path of the configuration)'

const STATUS_NOTES = `
JOBS were not drained yet. A process that runs drains its own jobs as soon as the backend answers, and what it finds of dead ones. Files that end
in .damaged hold bytes that are no job, those in .refused a job that the backend did not take, those in .kept either, where there was no room to
copy it.`

const DRAIN_NOTES = `
Ids are kept: a job that the backend has already merges, so this may be stopped or killed at any time, and run again. Of a folder, what running
processes have stays with them, and so do files that were written less than 30 seconds ago by a process that cannot be seen from here. A file that is
named is drained whatever its process does, and is gone then: copies from another machine too, and .refused files, whose fault is mended.

It ends with 0 when everything was drained, and with 1 when something was damaged or refused, or it was stopped.`

export function registerSpool(program: Command): void {
  const spool = program.command('spool').summary('what waits here for the backend').description('Show and drain the local spool.')
  spool
    .command('status')
    .description('Show what waits in the spool.')
    .argument('[path]', PATH)
    .addHelpText('after', STATUS_NOTES)
    .addHelpText('after', examples(['kerja spool status', "kerja spool status /var/lib/app/spool --json | jq '.jobCount'"]))
    .action(async (given: string | undefined, _options: unknown, command: Command) => showStatus(createCli(command), given))
  spool
    .command('drain')
    .description('Drain into the backend what dead processes left in the spool.')
    .argument('[path]', PATH)
    .addHelpText('after', DRAIN_NOTES)
    .addHelpText('after', examples(['kerja spool drain', 'kerja spool drain /mnt/rescued/spool --backend postgres://app@db/app']))
    .action(async (given: string | undefined, _options: unknown, command: Command) => drain(createCli(command), given))
}

async function showStatus(cli: Cli, given: string | undefined): Promise<void> {
  const { output } = cli
  const place = await placeOf(cli, given)
  const view = await lookAt(place)
  const now = Date.now()
  const rows = view.files.map(({ oldestAt, ...file }) => ({ ...file, oldestAgeMs: oldestAt === null ? null : Math.max(0, now - oldestAt) }))
  const { asideCount: _count, ...total } = summaryOf(view, now)
  output.value({ path: place.path, ...total, files: rows, aside: view.aside })
  output.line(
    `${safe(place.path)}: ${total.jobCount} jobs${total.oldestAgeMs === null ? '' : `, the oldest for ${shortDuration(total.oldestAgeMs)}`}`,
  )
  if (rows.length > 0) {
    output.line()
    const columns = [{ title: 'process' }, { title: 'runs' }, right('jobs'), right('oldest'), right('bytes'), right('damaged'), { title: 'file' }]
    output.table(
      columns,
      rows.map(({ host, pid, isAlive, jobCount, oldestAgeMs: age, bytes, damagedCount, file }) => [
        host === null ? '–' : `${host} ${pid}`,
        isAlive ? 'yes' : 'no',
        String(jobCount),
        age === null ? '–' : shortDuration(age),
        String(bytes),
        String(damagedCount),
        file,
      ]),
    )
  }
  for (const file of view.aside) output.line(`set aside: ${safe(file)}`)
}

const right = (title: string) => ({ title, align: 'right' }) as const

async function drain(cli: Cli, given: string | undefined): Promise<void> {
  const { output } = cli
  const place = await placeOf(cli, given)
  const logger = createCliLogger(output)
  const stop = new AbortController()
  // A second signal ends the process, as ever.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  const { options: named } = await cli.target()
  const { backend, release } = await loadBackend({ backend: named.backend ?? null, state: named.state ?? null, environmentFirst: false }, logger)
  const total = { accepted: 0, duplicate: 0, superseded: 0, refused: 0 }
  try {
    await backend.open()
    const options: DrainFolderOptions = {
      path: place.path,
      target: backend,
      again: createAgain({
        outageMs: DEFAULTS.forwarder.outageMs,
        signal: stop.signal,
        random: Math.random,
        onTrouble: (error) => logger.warn(`the backend is away, it is tried again: ${error instanceof Error ? error.message : String(error)}`),
      }),
      events: {
        emit: (name, event) => {
          if (name === 'spool.aside' && 'error' in event && 'file' in event) output.note(`refused: ${safe(event.file)}: ${safe(String(event.error))}`)
        },
      },
      now: Date.now,
      signal: stop.signal,
      onDrained: ({ accepted, duplicate, superseded, refused }) => {
        total.accepted += accepted
        total.duplicate += duplicate
        total.superseded += superseded
        total.refused += refused
      },
    }
    const { damagedCount: damaged, keptIn } = await (place.kind === 'file' ? drainFile : drainFolder)(options)
    const kept = place.kind === 'file' ? 0 : (await lookAt(place)).files.reduce((sum, { jobCount }) => sum + jobCount, 0)
    if (total.refused + damaged > 0 || stop.signal.aborted) process.exitCode = EXIT.failed
    output.value({ path: place.path, to: backend.location, ...total, damaged, kept, stopped: stop.signal.aborted })
    output.line(`${safe(place.path)} → ${safe(backend.location)}: ${total.accepted} jobs`)
    if (total.duplicate > 0) output.line(`  ${total.duplicate} were there already and merged`)
    if (total.superseded > 0) output.line(`  ${total.superseded} stand behind a job with the same key: cancelled, their reason names it`)
    const where = keptIn === 'own-files' ? 'were set aside' : 'stay in the file'
    if (total.refused > 0) output.line(`  ${total.refused} were refused and ${where}`)
    if (damaged > 0) output.line(`  ${damaged} damaged parts ${where}`)
    if (kept > 0) output.line(`  ${kept} stay: their processes run, or wrote less than ${shortDuration(DEFAULTS.spool.staleMs)} ago`)
  } finally {
    await release()
  }
}
