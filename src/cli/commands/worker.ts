/** `kerja worker`: runs the worker file of the project. */
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { createCli } from '../cli.js'
import { examples } from '../help.js'
import { findWorkerFile, runWorkerFile } from '../worker-file.js'

/** Set by `kerja dev` for its child, which ends when its parent is gone. */
const DEV_VARIABLE = 'KERJA_DEV'

const NOTES = `
The file starts the worker itself: await kerja.worker({ handlers: […] }).run()
SIGTERM and Ctrl-C let running jobs end; a second one exits at once. It runs in the folder of kerja.config.
--backend is handed to the file as KERJA_URL, as is the backend of kerja.config when it is a URL and KERJA_URL is not set.`

export function registerWorker(program: Command): void {
  program
    .command('worker')
    .summary('run the worker file')
    .description('Run the worker file that kerja.config names, TypeScript or JavaScript, in this process.')
    .option('--file <file>', 'another worker file')
    .addHelpText('after', NOTES)
    .addHelpText('after', examples(['kerja worker', 'kerja worker --file src/media-worker.ts --backend sqlite:/var/lib/app/jobs.db']))
    .action(async (options: { readonly file?: string }, command: Command) => {
      const { cwd, config, target, output } = createCli(command)
      const loaded = await config()
      const file = findWorkerFile(cwd, options.file, loaded)
      const { backend } = (await target()).options
      if (typeof backend === 'string') process.env.KERJA_URL = backend
      // As package managers do for scripts: relative paths in the project's code mean the same wherever the command was typed.
      if (loaded !== null) process.chdir(dirname(loaded.file))
      // What the project's code prints must not stand between lines that a program reads.
      if (output.json) process.stdout.write = process.stderr.write.bind(process.stderr)
      followParent()
      await runWorkerFile({ file, onStarted: () => output.value({ event: 'started', file, pid: process.pid }) })
      output.value({ event: 'ended', file, pid: process.pid })
    })
}

/** Under `kerja dev`: ends with it, even when it is killed. */
function followParent(): void {
  const isChild = process.env[DEV_VARIABLE] !== undefined && process.connected
  delete process.env[DEV_VARIABLE]
  if (!isChild) return
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  // The channel alone must not keep alive a process whose worker file has ended.
  process.channel?.unref()
}
