/** `kerja jobs`: find jobs, and retry, cancel or delete them. `show` has a file of its own. */
import type { Command } from 'commander'
import { DEFAULTS } from '../../core/options.js'
import { JOB_STATES } from '../../core/state.js'
import type { Job, JobListQuery, JobOutcome, JobState, Kerja } from '../../index.js'
import { createCli } from '../cli.js'
import { EXIT } from '../exit.js'
import { collectOf, examples, wholeNumber } from '../help.js'
import { cut, relativeTime } from '../text.js'
import { jobDetail, jobJson } from '../views.js'
import { registerJobsShow } from './jobs-show.js'

const { pageJobs, pageJobsMax } = DEFAULTS.ledger
const DETAIL_CHARACTERS_MAX = 200

const COLUMNS = [
  { title: 'id' },
  { title: 'kind' },
  { title: 'queue' },
  { title: 'state' },
  { title: 'attempt', align: 'right' },
  { title: 'created' },
  { title: 'detail' },
] as const

interface ListOptions extends Omit<JobListQuery, 'states'> {
  readonly state?: readonly JobState[]
}

export function registerJobs(program: Command): void {
  const jobs = program.command('jobs').summary('list, show, retry, cancel and delete jobs').description('List, show, retry, cancel and delete jobs.')
  jobs
    .command('list')
    .description('List jobs, newest first.')
    .option('--queue <queue>', 'only of this queue')
    .option('--kind <kind>', 'only of this kind')
    .option('--state <state>', `only in this state: ${JOB_STATES.join(', ')}; may be given several times`, collectOf(JOB_STATES))
    .option('--group <group>', 'only of this group')
    .option('--tag <tag>', 'only with this tag')
    .option('--limit <count>', `how many, at most ${pageJobsMax} (default: ${pageJobs})`, wholeNumber(1, pageJobsMax))
    .option('--cursor <cursor>', 'go on where a page ended ("next" of its --json)')
    .addHelpText(
      'after',
      examples([
        'kerja jobs list --state failed --kind mail.welcome',
        'kerja jobs list --state available --state retryable --limit 10',
        "kerja jobs list --state failed --json | jq -r '.jobs[].id' | xargs kerja jobs retry",
      ]),
    )
    .action(list)
  registerJobsShow(jobs)
  registerChanges(jobs)
}

async function list({ state, ...filters }: ListOptions, command: Command): Promise<void> {
  const { output, withKerja } = createCli(command)
  const page = await withKerja((kerja) => kerja.jobs.list({ ...filters, ...(state === undefined ? {} : { states: state }) }))
  output.value({ jobs: page.jobs.map(jobJson), next: page.next })
  if (page.jobs.length === 0) return output.line('No jobs.')
  const now = Date.now()
  output.table(
    COLUMNS,
    page.jobs.map((job) => jobRow(job, now)),
  )
  if (page.next !== null) output.line(`more: --cursor ${page.next}`)
}

const jobRow = (job: Job, now: number): readonly string[] => [
  job.id,
  job.kind,
  job.queue,
  job.state,
  `${job.attempt}/${job.maxAttempts}`,
  relativeTime(job.createdAt, now),
  cut(jobDetail(job), DETAIL_CHARACTERS_MAX),
]

function registerChanges(jobs: Command): void {
  jobs
    .command('retry')
    .description('Make failed, cancelled, waiting or held jobs available now, with a fresh attempt budget.')
    .argument('<id...>', 'job ids')
    .addHelpText('after', examples(['kerja jobs retry 0190b6f0-…']))
    .action((ids: readonly string[], _options: unknown, command: Command) => change('retried', command, (kerja) => kerja.jobs.retry(ids)))
  jobs
    .command('cancel')
    .description('Cancel jobs: waiting ones at once, running ones are asked to end.')
    .argument('<id...>', 'job ids')
    .option('--reason <text>', 'why; kept with the job')
    .addHelpText('after', examples(["kerja jobs cancel 0190b6f0-… --reason 'sent by hand'"]))
    .action((ids: readonly string[], options: { readonly reason?: string }, command: Command) =>
      change('cancelled', command, (kerja) => kerja.jobs.cancel(ids, options.reason)),
    )
  jobs
    .command('delete')
    .description('Delete the record of jobs that are not running.')
    .argument('<id...>', 'job ids')
    .addHelpText('after', examples(['kerja jobs delete 0190b6f0-…']))
    .action((ids: readonly string[], _options: unknown, command: Command) => change('deleted', command, (kerja) => kerja.jobs.delete(ids)))
}

async function change(done: string, command: Command, act: (kerja: Kerja) => Promise<readonly JobOutcome[]>): Promise<void> {
  const { output, withKerja } = createCli(command)
  const outcomes = await withKerja(act)
  output.value({ jobs: outcomes.map(({ id, outcome }) => ({ id, outcome })) })
  for (const { id, outcome } of outcomes) output.line(`${id}  ${outcomeWords(outcome, done)}`)
  if (outcomes.some(({ outcome }) => outcome === 'unchanged' || outcome === 'conflict')) process.exitCode = EXIT.failed
  else if (outcomes.some(({ outcome }) => outcome === 'unknown')) process.exitCode = EXIT.notFound
}

function outcomeWords(outcome: JobOutcome['outcome'], done: string): string {
  switch (outcome) {
    case 'changed':
      return done
    case 'requested':
      return 'running: asked to end'
    case 'unchanged':
      return `not ${done}: its state does not allow it`
    case 'conflict':
      return `not ${done}: another job holds its unique key`
    case 'unknown':
      return 'no such job'
  }
}
