/** The command tree: every command, the options all share, and the words of the help. */
import { Command } from 'commander'
import { registerDev } from './commands/dev.js'
import { registerDoctor } from './commands/doctor.js'
import { registerEnqueue } from './commands/enqueue.js'
import { registerInit } from './commands/init.js'
import { registerJobs } from './commands/jobs.js'
import { registerMigrate } from './commands/migrate.js'
import { registerMove } from './commands/move.js'
import { registerQueues } from './commands/queues.js'
import { registerSchedules } from './commands/schedules.js'
import { registerSpool } from './commands/spool.js'
import { registerStatus } from './commands/status.js'
import { registerTop } from './commands/top.js'
import { registerWorker } from './commands/worker.js'
import { registerWorkers } from './commands/workers.js'
import { examples } from './help.js'

const EXIT_CODES = `
Exit codes:
  0  ok
  1  the operation failed or found trouble
  2  the command line or the configuration is wrong
  3  no such job, queue, schedule, store or spool
  4  the backend cannot be reached or used`

const EXAMPLES = [
  'kerja init',
  'kerja dev',
  `kerja enqueue mail.welcome '{"to":"ana@example.com"}'`,
  'kerja jobs list --state failed',
  'kerja doctor --backend sqlite:/var/lib/app/jobs.db',
]

export function createProgram(version: string): Command {
  const program = new Command('kerja')
  program
    .description('Background jobs for TypeScript on Node.js.')
    .version(version, '-V, --version', 'print the version')
    .option('--backend <url>', 'the backend, such as sqlite:jobs.db (over KERJA_URL, over kerja.config, over the default file)')
    .option('--state-url <url>', 'the SQL store of a backend that is a broker, such as postgres://… (over KERJA_STATE_URL, over kerja.config)')
    .option('--config <file>', 'the configuration (default: kerja.config.ts, .mts, .js or .mjs, searched upward to package.json)')
    .option('--json', 'print JSON for programs on stdout, and errors as JSON on stderr')
    .option('--no-color', 'no colours (the variable NO_COLOR does the same)')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError(true)
    // Commander would print and exit by itself; errors have one way out, in main.ts.
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .addHelpText('after', EXIT_CODES)
    .addHelpText('after', examples(EXAMPLES))

  registerInit(program)
  registerDev(program)
  registerWorker(program)
  registerEnqueue(program)
  registerStatus(program)
  registerTop(program)
  registerJobs(program)
  registerQueues(program)
  registerSchedules(program)
  registerWorkers(program)
  registerMigrate(program)
  registerMove(program)
  registerSpool(program)
  registerDoctor(program)
  return program
}
