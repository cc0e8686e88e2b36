/** `kerja enqueue`: a job by its kind, without its definition. */
import { text as readText } from 'node:stream/consumers'
import type { Command } from 'commander'
import { PRIORITIES } from '../../core/state.js'
import { defineJob, type EnqueueOptions, type Kerja, type Priority, type } from '../../index.js'
import { createCli } from '../cli.js'
import { CliError } from '../exit.js'
import { collect, examples, oneOf, wholeNumber } from '../help.js'
import { safe } from '../text.js'

interface Options {
  readonly delay?: string
  readonly priority?: Priority
  readonly queue?: string
  readonly group?: string
  readonly idempotencyKey?: string
  readonly maxAttempts?: number
  readonly tag?: readonly string[]
}

const NOTES = `
The definition of the kind is not read here. The payload is checked when a worker claims the job: one that does not parse is held as "invalid".
Queue, priority and attempts are those given here or Kerja's defaults, not those of the definition: give --queue when the kind has a queue of its own.`

export function registerEnqueue(program: Command): void {
  program
    .command('enqueue')
    .summary('enqueue a job by its kind')
    .description('Enqueue a job by its kind.')
    .argument('<kind>', 'the kind, as in defineJob({ kind })')
    .argument('[json]', 'the payload as JSON; - reads it from stdin', '{}')
    .option('--delay <duration>', 'wait before the first start, such as 10m')
    .option('--priority <priority>', `one of ${PRIORITIES.join(', ')} (default: normal)`, oneOf(PRIORITIES))
    .option('--queue <queue>', "the queue (default: 'default')")
    .option('--group <group>', 'the tenant the job belongs to: shown and filtered by')
    .option('--idempotency-key <key>', 'same kind and key within 7 days: the same job')
    .option('--max-attempts <count>', 'runs in all (default: 10)', wholeNumber(1, 1_000))
    .option('--tag <tag>', 'a word to find it by; may be given several times', collect)
    .addHelpText('after', NOTES)
    .addHelpText(
      'after',
      examples([
        `kerja enqueue mail.welcome '{"to":"ana@example.com"}' --delay 10m`,
        'kerja enqueue report.build - --queue reports --priority low < payload.json',
        `kerja enqueue video.transcode '{"videoId":"v1"}' --idempotency-key upload-42 --tag manual`,
      ]),
    )
    .action(enqueue)
}

async function enqueue(kind: string, json: string, options: Options, command: Command): Promise<void> {
  const { output, withKerja } = createCli(command)
  const job = defineJob({ kind, payload: type(), queue: options.queue ?? 'default' })
  const payload = parsePayload(json === '-' ? await readText(process.stdin) : json)
  await withKerja(async (kerja) => {
    const receipt = await kerja.enqueue(job, payload, enqueueOptions(options))
    output.value({ id: receipt.id, durability: receipt.durability, duplicate: receipt.duplicate })
    const already = receipt.duplicate === true ? ` (already there: ${options.idempotencyKey === undefined ? 'same job' : 'same key'})` : ''
    output.line(`${receipt.id}  ${safe(kind)} on ${safe(job.queue)}: ${receipt.durability}${already}`)
    if (!output.json) await noteMissingWorker(kerja, job, output.note)
  })
}

function parsePayload(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(
      'USAGE',
      `The payload is not JSON (${words}). Quote it for the shell: '{"to":"ana@example.com"}', or pass - and send it on stdin.`,
      { cause },
    )
  }
}

function enqueueOptions({ delay, priority, group, idempotencyKey, maxAttempts, tag }: Options): EnqueueOptions {
  return {
    ...(delay === undefined ? {} : { delay: delay as NonNullable<EnqueueOptions['delay']> }),
    ...(priority === undefined ? {} : { priority }),
    ...(group === undefined ? {} : { group }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(tag === undefined ? {} : { tags: tag }),
  }
}

/** A mistyped kind or queue waits for ever: say so now. */
async function noteMissingWorker(kerja: Kerja, job: { readonly kind: string; readonly queue: string }, note: (text: string) => void): Promise<void> {
  const alive = (await kerja.workers.list()).filter((worker) => worker.alive)
  const ofKind = alive.filter((worker) => worker.kinds.some(({ kind }) => kind === job.kind))
  if (alive.length === 0) return note('note: no worker is running; start one with: kerja worker')
  if (ofKind.length === 0) return note(`note: no running worker knows the kind ${safe(job.kind)}`)
  if (ofKind.some((worker) => worker.queues.includes(job.queue))) return
  const queues = [...new Set(ofKind.flatMap((worker) => worker.queues))].sort()
  note(`note: no running worker of ${safe(job.kind)} serves the queue ${safe(job.queue)}; they serve ${queues.map(safe).join(', ')} (see --queue)`)
}
