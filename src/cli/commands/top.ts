/** `kerja top`: a live view of queues, workers and failures, refreshed each second. */
import type { Command } from 'commander'
import type { Kerja } from '../../index.js'
import { createCli } from '../cli.js'
import { examples, wholeNumber } from '../help.js'
import { createScreen } from '../screen.js'
import { frameLines, type Snapshot } from '../top-frame.js'
import { jobJson, queueJson, workerJson } from '../views.js'

const FAILURES_SHOWN = 10
const PLAIN_WIDTH = null

interface Options {
  readonly once?: boolean
  readonly interval: number
}

export function registerTop(program: Command): void {
  program
    .command('top')
    .summary('watch queues, workers and failures live')
    .description('Watch queues, workers and recent failures live. On a terminal it fills the screen; q or Ctrl-C ends it. Elsewhere it prints frame after frame.')
    .option('--once', 'print one frame and end')
    .option('--interval <seconds>', 'how often to look', wholeNumber(1, 3_600), 1)
    .addHelpText('after', examples(['kerja top', 'kerja top --once', 'kerja top --json --interval 10 >> top.ndjson']))
    .action(top)
}

async function top(options: Options, command: Command): Promise<void> {
  const { output, withKerja } = createCli(command)
  await withKerja(async (kerja) => {
    const live = process.stdout.isTTY === true && process.stdin.isTTY === true && options.once !== true && !output.json
    const draw = async (width: number | null) => frameLines(await look(kerja), { width, paint: output.paint })
    if (!live) return printFrames(options, async () => {
      if (output.json) return output.value(snapshotJson(await look(kerja)))
      for (const line of await draw(PLAIN_WIDTH)) output.line(line)
    })
    const screen = createScreen(process.stdin, process.stdout)
    try {
      while (!screen.ended) {
        // A backend that is away for a while is part of what this view is for: say so and look again.
        screen.show(await draw(screen.width).catch((error: unknown) => [`cannot look: ${String(error)}`]))
        await screen.pause(options.interval * 1_000)
      }
    } finally {
      screen.close()
    }
  })
}
