/** `kerja migrate`: brings the store's schema up to date, or shows what that would do. */
import type { Command } from 'commander'
import { createCli } from '../cli.js'
import { examples } from '../help.js'
import { safe, safeLines } from '../text.js'

export function registerMigrate(program: Command): void {
  program
    .command('migrate')
    .summary("bring the store's schema up to date")
    .description(
      "Bring the store's schema up to date. Kerja does so by itself when it opens a store; run this to do it beforehand, or to see the plan.",
    )
    .option('--plan', 'print the statements and change nothing')
    .addHelpText('after', examples(['kerja migrate --plan', 'kerja migrate --backend sqlite:/var/lib/app/jobs.db']))
    .action(async (options: { readonly plan?: boolean }, command: Command) => {
      const { output, target, withKerja } = createCli(command)
      const { location } = await target()
      const plan = options.plan === true
      await withKerja(async (kerja) => {
        const steps = await kerja.migrate({ plan })
        output.value({ location, applied: !plan, steps: steps.map(({ version, name, statements }) => ({ version, name, statements })) })
        if (steps.length === 0) return output.line(`${safe(location)} is up to date.`)
        output.line(plan ? `${steps.length} to run on ${safe(location)}:` : `${steps.length} run on ${safe(location)}:`)
        for (const step of steps) {
          output.line(`  ${step.version} ${safe(step.name)}`)
          if (plan) for (const statement of step.statements) for (const text of safeLines(statement)) output.line(`    ${text}`)
        }
      })
    })
}
