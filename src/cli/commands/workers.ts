/** `kerja workers`: who runs jobs, and whether they live. */
import type { Command } from 'commander'
import { createCli } from '../cli.js'
import { examples } from '../help.js'
import { relativeTime } from '../text.js'
import { workerJson } from '../views.js'

const COLUMNS = [
  { title: 'state' },
  { title: 'host' },
  { title: 'pid', align: 'right' },
  { title: 'running', align: 'right' },
  { title: 'heartbeat' },
  { title: 'started' },
  { title: 'version' },
  { title: 'queues' },
  { title: 'id' },
] as const

export function registerWorkers(program: Command): void {
  program
    .command('workers')
    .summary('list the workers')
    .description('List the workers: alive or dead, what they serve and how busy they are.')
    .addHelpText('after', examples(['kerja workers', "kerja workers --json | jq '.workers[] | select(.alive)'"]))
    .action(async (_options: unknown, command: Command) => {
      const { output, withKerja } = createCli(command)
      const workers = await withKerja((kerja) => kerja.workers.list())
      output.value({ workers: workers.map(workerJson) })
      if (workers.length === 0) return output.line('No workers. Start one with: kerja worker')
      const now = Date.now()
      output.table(
        COLUMNS,
        workers.map((worker) => [
          worker.alive ? 'alive' : 'dead',
          worker.host,
          String(worker.pid),
          `${worker.runningCount}/${worker.concurrency}`,
          relativeTime(worker.heartbeatAt, now),
          relativeTime(worker.startedAt, now),
          worker.version,
          worker.queues.join(','),
          worker.id,
        ]),
      )
    })
}
