/** `kerja doctor`: finds what is wrong, and says what to do. */
import type { Command } from 'commander'
import { isKerjaError } from '../../index.js'
import { type Cli, createCli, createCliLogger } from '../cli.js'
import type { LoadedConfig } from '../config.js'
import { type Check, fail } from '../doctor/check.js'
import { checkBackend, checkConfig, checkDriver, checkFilesystem, checkNode, checkSettings } from '../doctor/environment.js'
import { checkPlaces } from '../doctor/places.js'
import { checkStore } from '../doctor/store.js'
import { EXIT } from '../exit.js'
import { examples } from '../help.js'
import { safe } from '../text.js'

const STYLES = Object.freeze({ ok: 'green', warn: 'yellow', fail: 'red' } as const)
const NAME_CHARACTERS = 11

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('find what is wrong and say what to do')
    .description(
      'Check Node, configuration, backend, driver, filesystem, store, clock, workers and waiting jobs. Exits with 1 when something failed.',
    )
    .addHelpText(
      'after',
      '\nIt writes to the store once (a queue of its own is paused and resumed) and leaves nothing behind. A store that is not there yet is created.',
    )
    .addHelpText('after', examples(['kerja doctor', 'kerja doctor --json | jq \'.checks[] | select(.status != "ok")\'']))
    .action(async (_options: unknown, command: Command) => {
      const cli = createCli(command)
      const checks = await examine(cli)
      const failed = checks.filter(({ status }) => status === 'fail').length
      if (failed > 0) process.exitCode = EXIT.failed
      cli.output.value({ ok: failed === 0, checks })
      print(cli, checks)
    })
}

async function examine(cli: Cli): Promise<readonly Check[]> {
  const node = checkNode(process.versions.node)
  try {
    return [node, ...(await examineProject(cli, await cli.config()))]
  } catch (error) {
    // A configuration or a backend URL that Kerja refuses: whatever else could be asked needs it.
    if (!isKerjaError(error)) throw error
    return [node, fail(error.code === 'CONFIG_INVALID' ? 'config' : 'backend', `${error.code}: ${error.message}`, `See ${error.docs}.`)]
  }
}

async function examineProject({ cwd, output, target, withKerja }: Cli, loaded: LoadedConfig | null): Promise<readonly Check[]> {
  const resolved = await target()
  const backend = checkBackend(resolved, loaded)
  const driver = await checkDriver(resolved)
  const filesystem = checkFilesystem(resolved)
  const environment = [checkConfig(cwd, loaded), backend, driver, ...checkSettings(resolved), filesystem].filter((check) => check !== null)
  // Opening would only repeat it in other words.
  if ([backend, driver, filesystem].some((check) => check?.status === 'fail')) return environment
  const places = await checkPlaces(resolved, createCliLogger(output))
  // Everything else that is asked, the state answers.
  if (places.some(({ name, status }) => name === 'state' && status === 'fail')) return [...environment, ...places]
  return [...environment, ...places, ...(await withKerja((kerja) => checkStore(kerja, resolved)))]
}

function print({ output }: Cli, checks: readonly Check[]): void {
  for (const { name, status, message, remedy } of checks) {
    output.line(`${output.paint(STYLES[status], status.padEnd(4))}  ${name.padEnd(NAME_CHARACTERS)}  ${safe(message)}`)
    if (remedy !== null) output.line(`      ${' '.repeat(NAME_CHARACTERS)}  ${output.paint('dim', `→ ${safe(remedy)}`)}`)
  }
  const count = (wanted: Check['status']) => checks.filter(({ status }) => status === wanted).length
  output.line()
  output.line(`${count('ok')} ok, ${count('warn')} warnings, ${count('fail')} failures`)
}
