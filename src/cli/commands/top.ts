/** `kerja top`: a live view of queues, workers and failures. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Kerja } from '../../index.js'
import { type Cli, createCli } from '../cli.js'
import { examples, wholeNumber } from '../help.js'
import { createScreen } from '../screen.js'
import { safe } from '../text.js'
import { frameLines, type Snapshot } from '../top-frame.js'
import { jobJson, queueJson, workerJson } from '../views.js'

const FAILURES_SHOWN = 10

interface Options {
  readonly once?: boolean
  readonly interval: number
}

export function registerTop(program: Command): void {
  program
    .command('top')
    .summary('watch queues, workers and failures live')
    .description('Watch queues, workers and recent failures live. On a terminal it fills the screen; elsewhere it prints frame after frame.')
    .option('--once', 'print one frame and end')
    .option('--interval <seconds>', 'how often to look', wholeNumber(1, 3_600), 1)
    .addHelpText('after', '\nq or Ctrl-C ends it. Throughput and failures are those of the last minutes.')
    .addHelpText('after', examples(['kerja top', 'kerja top --once', 'kerja top --json --interval 10 >> top.ndjson']))
    .action(async (options: Options, command: Command) => {
      const cli = createCli(command)
      const { location } = await cli.target()
      const isLive = process.stdout.isTTY === true && process.stdin.isTTY === true && options.once !== true && !cli.output.json
      await cli.withKerja((kerja) => (isLive ? fillScreen : printFrames)(cli, options, () => look(kerja, location)))
    })
}

async function look(kerja: Kerja, location: string): Promise<Snapshot> {
  const [queues, workers, failed] = await Promise.all([
    kerja.queues.stats(),
    kerja.workers.list(),
    kerja.jobs.list({ states: ['failed', 'retryable'], limit: FAILURES_SHOWN }),
  ])
  return { at: new Date(), location, queues, workers, failures: failed.jobs }
}

async function fillScreen({ output }: Cli, { interval }: Options, see: () => Promise<Snapshot>): Promise<void> {
  const screen = createScreen(process.stdin, process.stdout)
  try {
    while (!screen.ended) {
      const lines = await see().then(
        (snapshot) => frameLines(snapshot, { width: screen.width, paint: output.paint }),
        // A backend that is away for a while is part of what this view is for: it looks again.
        (error: unknown) => [safe(`cannot look: ${error instanceof Error ? error.message : String(error)}`)],
      )
      screen.show(lines)
      await screen.pause(interval * 1_000)
    }
  } finally {
    screen.close()
  }
}

async function printFrames({ output }: Cli, { once, interval }: Options, see: () => Promise<Snapshot>): Promise<void> {
  const end = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort())
  for (;;) {
    const snapshot = await see()
    output.value(snapshotJson(snapshot))
    for (const line of frameLines(snapshot, { width: null, paint: output.paint })) output.line(line)
    if (once === true || end.signal.aborted) return
    // Aborted is asked for: the loop ends, nothing failed.
    await pause(interval * 1_000, undefined, { signal: end.signal }).catch(() => undefined)
    if (end.signal.aborted) return
    output.line()
  }
}

const snapshotJson = ({ at, location, queues, workers, failures }: Snapshot) => ({
  at,
  location,
  queues: queues.map(queueJson),
  workers: workers.map(workerJson),
  failures: failures.map(jobJson),
})
