/** `kerja jobs show`: all there is to know about a job. */
import type { Command } from 'commander'
import { type Attempt, isKerjaError, type Job, type Kerja, type LogLineView } from '../../index.js'
import { createCli } from '../cli.js'
import { examples } from '../help.js'
import type { Output } from '../output.js'
import { relativeTime, safe, safeLines, shortDuration, toJson } from '../text.js'
import { attemptJson, jobJson, logLineJson, progressWords } from '../views.js'

/** Log lines and pages of them that are read for one job. */
const LOG_PAGE_LINES = 200
const LOG_PAGES_MAX = 25
const LABEL_CHARACTERS = 10

interface Shown {
  readonly job: Job
  readonly attempts: readonly Attempt[]
  readonly logs: readonly LogLineView[]
}

export function registerJobsShow(jobs: Command): void {
  jobs
    .command('show')
    .description('Show jobs: payload, result, progress, past attempts and log lines.')
    .argument('<id...>', 'job ids')
    .addHelpText('after', examples(['kerja jobs show 0190b6f0-…', "kerja jobs show 0190b6f0-… --json | jq '.jobs[0].failure'"]))
    .action(async (ids: readonly string[], _options: unknown, command: Command) => {
      const { output, withKerja } = createCli(command)
      await withKerja(async (kerja) => {
        const shown: Shown[] = []
        let missing: unknown
        for (const id of ids) {
          try {
            shown.push(await read(kerja, id))
          } catch (error) {
            // The others are shown all the same.
            if (!isKerjaError(error, 'JOB_NOT_FOUND')) throw error
            missing ??= error
          }
        }
        output.value({
          jobs: shown.map(({ job, attempts, logs }) => ({ ...jobJson(job), attempts: attempts.map(attemptJson), logs: logs.map(logLineJson) })),
        })
        for (const [index, one] of shown.entries()) {
          if (index > 0) output.line()
          print(one, output)
        }
        if (missing !== undefined) throw missing
      })
    })
}

async function read(kerja: Kerja, id: string): Promise<Shown> {
  const job = await kerja.jobs.get(id)
  const [attempts, logs] = await Promise.all([kerja.jobs.attempts(id), readLogs(kerja, id)])
  return { job, attempts, logs }
}

async function readLogs(kerja: Kerja, id: string): Promise<readonly LogLineView[]> {
  const lines: LogLineView[] = []
  let after = 0
  for (let page = 0; page < LOG_PAGES_MAX; page++) {
    const found = await kerja.jobs.logs(id, { limit: LOG_PAGE_LINES, after })
    lines.push(...found.lines)
    if (found.lines.length < LOG_PAGE_LINES) break
    after = found.next
  }
  return lines
}

function print({ job, attempts, logs }: Shown, output: Output): void {
  const now = Date.now()
  const fact = (label: string, text: string | null) => {
    if (text !== null && text !== '') output.line(`  ${output.paint('dim', label.padEnd(LABEL_CHARACTERS))} ${safe(text)}`)
  }
  const instant = (at: Date | null): string | null => (at === null ? null : `${at.toISOString()} (${relativeTime(at, now)})`)
  output.line(`${output.paint('bold', job.id)}  ${safe(job.kind)}  ${safe(stateWords(job))}`)
  fact('queue', job.queue)
  fact('priority', job.priority)
  fact(
    'attempt',
    `${job.attempt} of ${job.maxAttempts}${job.crashCount > 0 ? `, ${job.crashCount} process ${job.crashCount === 1 ? 'death' : 'deaths'}` : ''}`,
  )
  fact('group', job.group)
  fact('tags', job.tags.join(', '))
  fact('unique', job.uniqueKey)
  fact('parent', job.parentId)
  fact('schedule', job.schedule === null ? null : `${job.schedule.name} at ${job.schedule.scheduledFor.toISOString()}`)
  fact('created', instant(job.createdAt))
  fact('run at', instant(job.runAt))
  fact('claimed', instant(job.claimedAt))
  fact('finished', instant(job.finishedAt))
  fact('start by', instant(job.startBy))
  fact('give up', instant(job.giveUpAt))
  fact('worker', job.workerId)
  fact('progress', job.progress === null ? null : progressWords(job.progress))
  fact('reason', job.reason)
  printValue(output, 'payload', job.payload, job.payloadError)
  if (job.state === 'completed') printValue(output, 'result', job.result, job.resultError)
  printFailure(output, job)
  printAttempts(output, attempts)
  printLogs(output, logs)
}

const stateWords = (job: Job): string =>
  `${job.state}${job.holdReason === null ? '' : `, held: ${job.holdReason}`}${job.cancelRequested ? ', asked to end' : ''}`

function printValue(output: Output, label: string, value: unknown, error: string | null): void {
  if (error === null && value === undefined) return
  output.line(`  ${output.paint('dim', label)}`)
  for (const text of error === null ? toJson(value, 2).split('\n') : [`cannot be read: ${safe(error)}`]) output.line(`    ${text}`)
}

function printFailure(output: Output, { failure }: Job): void {
  if (failure === null) return
  output.line(`  ${output.paint('dim', 'last failure')}`)
  const code = failure.code === null ? '' : ` (${failure.code})`
  const stack =
    failure.stack?.includes(failure.message) === true ? failure.stack : `${failure.name}${code}: ${failure.message}\n${failure.stack ?? ''}`
  for (const text of safeLines(stack.trimEnd())) output.line(`    ${text}`)
}

function printAttempts(output: Output, attempts: readonly Attempt[]): void {
  if (attempts.length === 0) return
  output.line(`  ${output.paint('dim', 'attempts')}`)
  for (const { attempt, outcome, startedAt, durationMs, failure } of attempts) {
    const words = failure === null ? '' : `  ${failure.name}: ${failure.message}`
    output.line(`    ${attempt}  ${startedAt.toISOString()}  ${outcome} after ${shortDuration(durationMs)}${safe(words)}`)
  }
}

function printLogs(output: Output, logs: readonly LogLineView[]): void {
  if (logs.length === 0) return
  output.line(`  ${output.paint('dim', 'log')}`)
  for (const { at, level, message } of logs) output.line(`    ${at.toISOString()}  ${safe(level).padEnd(5)}  ${safe(message)}`)
}
