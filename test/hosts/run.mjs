// Two workers on two hosts, one PostgreSQL. One host is cut off in the middle of its work: the other completes everything, the one that was cut off
// stops its handlers before others may start their jobs, and when it is back it ends none of them and works on.
// node test/hosts/run.mjs [--jobs 3000]
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createJiti } from 'jiti'
import { Kerja } from 'kerja'
import { check } from '../chaos/check.mjs'
import { readJournals } from '../chaos/journal.mjs'
import { long, short } from './jobs.mjs'
import { checkHosts, makeHost, RANGE } from './network.mjs'

const LONG_JOBS = 8
const LIMIT_MS = 120_000
const LOOK_MS = 100
/** Of a worker's lease: from its last beat until others may take its jobs. */
const LEASE_MS = 10_000

async function until(what, ask) {
  const startedAt = Date.now()
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() - startedAt > LIMIT_MS) throw new Error(`${what}: not within ${LIMIT_MS} ms`)
    await sleep(LOOK_MS)
  }
}

/** Acts, last to first, that put everything away. */
const undo = []
async function putAway() {
  for (let act = undo.pop(); act !== undefined; act = undo.pop()) await act()
}

function startWorker(host, url, folder, name) {
  const through = new URL(url)
  through.hostname = host.near
  const script = new URL('./worker.mjs', import.meta.url).pathname
  const [command, ...words] = [...host.command, process.execPath, script, JSON.stringify({ url: through.href, folder, name })]
  const child = spawn(command, words, { stdio: ['ignore', 'inherit', 'inherit'] })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  undo.push(async () => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 40_000)
    await exited
    clearTimeout(timer)
  })
}

const of = (name, entries) => entries.filter(({ process: who }) => who === name)
const countOf = (type, entries) => entries.filter((entry) => entry.type === type).length

async function enqueue(kerja, jobs) {
  const receipts = await kerja.enqueueMany(jobs)
  return receipts.map(({ id }) => id)
}

/** The run itself: answers with the journals and the times that matter. */
async function play(kerja, hosts, folder, jobCount) {
  const journals = () => readJournals(folder)
  const ids = await enqueue(kerja, [
    ...Array.from({ length: LONG_JOBS }, () => long.with({})),
    ...Array.from({ length: jobCount }, () => short.with({})),
  ])
  await until('both hosts work', () => ['near', 'far'].every((name) => countOf('accepted', of(name, journals())) >= jobCount / 10))
  hosts.far.cut()
  const cutAt = Date.now()
  console.log(`the host "far" is cut off after ${countOf('accepted', journals())} of ${ids.length} jobs`)
  await until('all jobs are completed', async () => (await kerja.queues.stats()).every(({ counts }) => counts.completed > 0 && liveOf(counts) === 0))
  const allAt = Date.now()
  console.log(`all ${ids.length} jobs are completed, ${((allAt - cutAt) / 1000).toFixed(1)} s after the cut`)
  hosts.far.join()
  const joinedAt = Date.now()
  await until('the far worker registers anew', () => countOf('up', of('far', journals())) === 2)
  const laterIds = await enqueue(
    kerja,
    Array.from({ length: jobCount / 3 }, () => short.with({})),
  )
  const later = new Set(laterIds)
  await until('later jobs are completed', () => journals().filter(({ type, id }) => type === 'accepted' && later.has(id)).length === later.size)
  return { ids: [...ids, ...laterIds], later, cutAt, joinedAt, entries: journals() }
}

const liveOf = (counts) => counts.available + counts.scheduled + counts.running + counts.retryable

async function readRecords(kerja, ids) {
  const records = new Map()
  for (const id of ids) {
    const { kind, state, token, attempt, payload } = await kerja.jobs.get(id)
    records.set(id, { kind, state, token, attempt, payload, asSent: true, scheduledFor: null })
  }
  return records
}

/** What the far worker had begun before the cut and not ended, and what became of it. */
function judge({ ids, later, cutAt, joinedAt, entries }, records) {
  const sent = ids.flatMap((id, number) => [
    { type: 'sent', number, at: 0 },
    { type: 'acked', number, id, at: 0 },
  ])
  // The check looks for what was sent by its number.
  for (const [number, id] of ids.entries()) records.get(id).payload = { number }
  const none = { kills: [], lives: [], outages: [], ticks: { firstAt: 0, endAt: 0, everyMs: 1 }, workUntil: 0 }
  const report = check({ ...none, entries: [...entries, ...sent], records, jobCount: ids.length })
  const far = of('far', entries)
  const near = of('near', entries)
  const begun = far.filter(({ type, at }) => type === 'started' && at < cutAt)
  const ends = new Map(far.filter(({ type }) => type === 'ended').map((entry) => [`${entry.id} ${entry.token}`, entry]))
  const aborted = begun.map(({ id, token }) => ends.get(`${id} ${token}`)).filter((end) => end?.abortedBy === 'LEASE_LOST')
  const isOpen = ({ id }) => begun.some((start) => start.id === id)
  const takenOver = near.filter((entry) => entry.type === 'started' && entry.token > 1 && entry.at > cutAt && isOpen(entry))
  const settledLate = far.filter(({ type, id, at }) => ['accepted', 'released'].includes(type) && at > joinedAt && !later.has(id))
  const faults = [
    ...report.violations.map((violation) => JSON.stringify(violation)),
    ...(aborted.length < 1 ? ['no handler of the far worker was told to stop'] : []),
    ...aborted.filter(({ at }) => at - cutAt > LEASE_MS).map(({ id }) => `the handler of ${id} was told to stop after its lease had lapsed`),
    ...(takenOver.length < aborted.length ? [`of ${aborted.length} jobs in the middle ${takenOver.length} were taken over`] : []),
    ...settledLate.map(({ id, type }) => `the far worker was back and its ${type} of ${id} was taken`),
    ...(countOf(
      'accepted',
      of(
        'far',
        entries.filter(({ id }) => later.has(id)),
      ),
    ) === 0
      ? ['the far worker did not work on']
      : []),
  ]
  return { report, far, near, aborted, takenOver, faults }
}

function print({ report, far, near, aborted, takenOver, faults }, { cutAt, later, ids }) {
  const first = (entries) => Math.min(...entries.map(({ at }) => at)) - cutAt
  const last = (entries) => Math.max(...entries.map(({ at }) => at)) - cutAt
  console.log(
    `jobs ${ids.length}, completed ${report.completed}, lost ${report.lost}, settled twice ${report.settledTwice}, overlaps ${report.overlaps}`,
  )
  console.log(
    `by "near" ${countOf('accepted', near)}, by "far" ${countOf('accepted', far)}, of those ${far.filter(({ type, id }) => type === 'accepted' && later.has(id)).length} after it was back`,
  )
  console.log(
    `cut off: handlers stopped ${aborted.length}, ${first(aborted)} to ${last(aborted)} ms after the cut; taken over ${takenOver.length}, from ${first(takenOver)} ms on; refused when it was back ${countOf('refused', far)}`,
  )
  for (const fault of faults.slice(0, 10)) console.error(fault)
  console.log(faults.length === 0 ? 'OK' : `NOT OK: ${faults.length} faults`)
}

async function main(jobCount) {
  const folder = mkdtempSync(join(tmpdir(), 'kerja-hosts-'))
  // After a failure somebody will want the journals.
  undo.push(() => (process.exitCode === 0 ? rmSync(folder, { recursive: true, force: true }) : console.error(`Journals are kept in ${folder}`)))
  const { startServer } = await createJiti(import.meta.url).import('../support/postgres-server.ts')
  const server = await startServer(["listen_addresses = '*'"], { from: 'system', trusts: [RANGE] })
  undo.push(() => server.destroy())
  const hosts = {}
  for (const [index, name] of ['near', 'far'].entries()) {
    const host = makeHost(index + 1)
    undo.push(() => host.remove())
    hosts[name] = host
  }
  const kerja = new Kerja({ backend: server.url, logger: 'error' })
  undo.push(() => kerja.close())
  await kerja.open()
  for (const [name, host] of Object.entries(hosts)) startWorker(host, server.url, folder, name)
  const played = await play(kerja, hosts, folder, jobCount)
  const judged = judge(played, await readRecords(kerja, played.ids))
  print(judged, played)
  process.exitCode = judged.faults.length === 0 ? 0 : 1
}

const { values } = parseArgs({ options: { jobs: { type: 'string', default: '3000' } } })
try {
  checkHosts()
} catch (error) {
  console.error(error.message)
  process.exit(2)
}
const interrupted = new Promise((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => reject(new Error(`${signal}: everything is put away`)))
})
try {
  await Promise.race([main(Number.parseInt(values.jobs, 10)), interrupted])
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  await putAway()
}
process.exit()
