/** `kerja queues`: what waits where, and stopping or resuming a queue. */
import type { Command } from 'commander'
import type { Kerja } from '../../index.js'
import { createCli } from '../cli.js'
import { CliError } from '../exit.js'
import { examples } from '../help.js'
import { safe } from '../text.js'
import { QUEUE_COLUMNS, queueJson, queueRow } from '../views.js'

export function registerQueues(program: Command): void {
  const queues = program.command('queues').summary('list, pause and resume queues').description('List, pause and resume queues.')
  queues
    .command('list')
    .description('List the queues with their depth, latency, throughput and failures.')
    .addHelpText('after', examples(['kerja queues list', "kerja queues list --json | jq '.queues[] | select(.latencyMs > 60000)'"]))
    .action(async (_options: unknown, command: Command) => {
      const { output, withKerja } = createCli(command)
      const stats = await withKerja((kerja) => kerja.queues.stats())
      output.value({ queues: stats.map(queueJson) })
      if (stats.length === 0) return output.line('No queues yet: a queue appears with its first job.')
      output.table(QUEUE_COLUMNS, stats.map(queueRow))
    })
  for (const action of ['pause', 'resume'] as const) {
    queues
      .command(action)
      .description(action === 'pause' ? 'Stop claiming from queues. Running jobs go on, enqueueing goes on.' : 'Let paused queues run again.')
      .argument('<queue...>', 'names of queues')
      .option('--force', 'also for a queue that has no job and no worker yet')
      .addHelpText('after', examples([`kerja queues ${action} media`, `kerja queues ${action} media reports`]))
      .action(async (names: readonly string[], options: { readonly force?: boolean }, command: Command) => {
        const { output, withKerja } = createCli(command)
        await withKerja(async (kerja) => {
          if (options.force !== true) await refuseUnknown(kerja, names)
          for (const name of names) await kerja.queues[action](name)
          output.value({ queues: names.map((queue) => ({ queue, paused: action === 'pause' })) })
          for (const name of names) output.line(`${safe(name)}: ${action}d`)
        })
      })
  }
}

/** A misspelled name would be paused without complaint, and the queue that was meant would run on. */
async function refuseUnknown(kerja: Kerja, names: readonly string[]): Promise<void> {
  const [stats, workers] = await Promise.all([kerja.queues.stats(), kerja.workers.list()])
  const known = new Set([...stats.map(({ queue }) => queue), ...workers.flatMap((worker) => worker.queues)])
  const unknown = names.filter((name) => !known.has(name))
  if (unknown.length === 0) return
  const list = known.size === 0 ? 'There are none yet' : `Known are ${[...known].sort().join(', ')}`
  throw new CliError(
    'QUEUE_NOT_FOUND',
    `No job and no worker uses the queue ${unknown.join(', ')}. ${list}. Nothing was changed; --force does it all the same.`,
  )
}
