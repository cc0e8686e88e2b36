/** The closing page, all of it measured in this run. */
import type { Check, Evidence } from './checks.js'
import type { Killing } from './killing.js'
import type { Outage } from './outage.js'
import { percentile, type RequestGroup, type Tally } from './tally.js'

export interface Outcome {
  readonly evidence: Evidence
  readonly checks: readonly Check[]
  readonly tally: Tally
  readonly killing: Killing | null
  /** Null where there is no broker to be away. */
  readonly outage: Outage | null
  readonly tookMs: number
  /** Things that must not happen and did. */
  readonly faults: readonly string[]
  readonly notes: readonly string[]
}

const LISTED_MAX = 10

export function summarize(outcome: Outcome): string {
  const { checks, faults, notes, tookMs } = outcome
  const lost = checks.flatMap(({ what, missing }) => missing.map((entry) => `${what}: ${entry}`))
  const doubled = checks.flatMap((check) => check.doubled.map((entry) => `${check.what}: ${entry}`))
  const verdict = `${lost.length} lost, ${doubled.length} doubled, in ${seconds(tookMs)}`
  return [
    '',
    ...responseTimes(outcome.tally),
    '',
    ...workDone(outcome),
    '',
    ...promises(checks),
    '',
    ...doubles(outcome.evidence),
    ...section('Missing', lost),
    ...section('There twice', doubled),
    ...section('Faults', faults),
    ...section('Notes', notes),
    '',
    faults.length + lost.length + doubled.length === 0 ? `OK: ${verdict}` : `NOT OK: ${verdict}, ${faults.length} faults`,
    '',
  ].join('\n')
}

function responseTimes(tally: Tally): readonly string[] {
  const line = (label: string, group: RequestGroup, remark = '') => {
    const times = tally.times(group)
    return `  ${label.padEnd(42)}${cell(times.length)}${cell(ms(percentile(times, 0.5)))}${cell(ms(percentile(times, 0.99)))}${remark}`
  }
  const failures = tally.inlineFailures === 0 ? '' : `   ${tally.inlineFailures} failed: the mail server was busy`
  return [
    `${'How long people waited'.padEnd(44)}${cell('requests')}${cell('p50')}${cell('p99')}`,
    line('upload, the work in background jobs', 'upload'),
    line('upload, the same work before the answer', 'inline', failures),
    line('everything else', 'other'),
  ]
}

function workDone({ evidence, tally, killing, outage }: Outcome): readonly string[] {
  const count = (state: string) => evidence.jobs.filter((job) => job.state === state).length
  const lines = [
    `${number(count('completed'))} jobs completed`,
    `${number(tally.count('job.retried'))} failed attempts retried, ${number(tally.count('job.snoozed'))} snoozed`,
    `${count('failed')} given up as they should be: the phone was gone`,
    ...tally
      .failures()
      .slice(0, 4)
      .map(({ message, count: times }) => `${String(times).padStart(5)} × ${message}`),
  ]
  if (killing !== null) {
    const { worker, jobs, takenOver, settled, rescuedMs, restartedMs } = killing
    lines.push(
      `${worker} was killed while it ran ${jobs} jobs; taken over: ${takenOver}, settled just before: ${settled}`,
      `back in their queues ${seconds(rescuedMs)} after the kill; the last, having waited its turn, ran again after ${seconds(restartedMs)}`,
    )
  }
  if (outage !== null) {
    const { tookMs, requests, slowestMs, spooled } = outage
    lines.push(
      `the broker was out of reach for ${seconds(tookMs)}: ${number(requests)} requests answered meanwhile, the slowest in ${ms(slowestMs)}`,
      `${number(spooled)} jobs were kept on the local disk until it was back`,
    )
  }
  return ['What the workers did', ...lines.map((line) => `  ${line}`)]
}

const promises = (checks: readonly Check[]): readonly string[] => [
  `${'What was promised'.padEnd(44)}${cell('promised')}${cell('missing')}${cell('doubled')}`,
  ...checks.map(({ what, promised, missing, doubled }) => `  ${what.padEnd(42)}${cell(promised)}${cell(missing.length)}${cell(doubled.length)}`),
]

/** At least once is what the sending of letters, charges and notifications can give. The key that each carries lets the receiver make it once. */
function doubles({ mailServer, paymentApi, pushService }: Evidence): readonly string[] {
  const refused = `${number(paymentApi.refusals())} answered 503`
  const shown = [...pushService.shown.values()].reduce((sum, tags) => sum + tags.size, 0)
  return [
    'What came more than once and counted once',
    `  letters          ${number(mailServer.received())} received, ${number(mailServer.mailbox.size)} distinct Message-IDs`,
    `  charges          ${number(paymentApi.requests())} requests (${refused}), ${number(paymentApi.ledger.length)} charges`,
    `  notifications    ${number(pushService.received())} received, ${number(shown)} shown`,
  ]
}

function section(title: string, lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return []
  const more = lines.length > LISTED_MAX ? [`  … and ${lines.length - LISTED_MAX} more`] : []
  return ['', title, ...lines.slice(0, LISTED_MAX).map((line) => `  ${line}`), ...more]
}

const number = (value: number) => value.toLocaleString('en')
const seconds = (value: number) => `${(value / 1000).toFixed(1)} s`
const ms = (value: number) => (Number.isNaN(value) ? '-' : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`)
const cell = (value: string | number) => (typeof value === 'number' ? number(value) : value).padStart(11)
