// Chaos: producers and workers in processes of their own, killed at random with SIGKILL while jobs flow; then every promise is checked.
// node test/chaos/run.mjs --backend sqlite [--jobs 20000] [--workers 3] [--producers 2] [--kill-every 400] [--seed N]
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Kerja } from 'kerja'
import { check } from './check.mjs'
import { readJournals } from './journal.mjs'

const number = (text) => Number.parseInt(text, 10)
/** After the last kill: rescue, backoff and the rest of the work. */
const SETTLE_LIMIT_MS = 120_000

export async function runChaos({ jobs, workers, producers, killEveryMs, seed, url, folder, log = () => undefined }) {
  const random = createRandom(seed)
  const kills = []
  const state = { producing: true, stopping: false }
  let spawned = 0
  const children = new Set()
  const start = (role, parameters) => {
    const name = `${role}-${spawned++}`
    const script = new URL(`./${role}.mjs`, import.meta.url).pathname
    const child = spawn(process.execPath, [script, JSON.stringify({ ...parameters, url, folder, name })], { stdio: ['ignore', 'inherit', 'inherit'] })
    const entry = { role, name, child, parameters, exited: undefined }
    entry.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
    children.add(entry)
    entry.exited.then(() => children.delete(entry))
    return entry
  }
  const kill = (entry) => {
    entry.child.kill('SIGKILL')
    kills.push({ process: entry.name, at: Date.now() })
    return entry.exited
  }

  // A producer ends by itself when its share is acknowledged; killed before that, it is started again and goes on.
  const produce = async (from, to) => {
    for (;;) {
      const { code } = await start('producer', { from, to, callers: 50 }).exited
      if (code === 0) return
      if (code !== null) throw new Error(`a producer ended with code ${code}`)
    }
  }
  const share = Math.ceil(jobs / producers)
  const production = Promise.all(Array.from({ length: producers }, (_, index) => produce(index * share, Math.min(jobs, (index + 1) * share))))
  for (let index = 0; index < workers; index += 1) start('worker', { concurrency: 20 })

  const nemesis = (async () => {
    while (!state.stopping) {
      await sleep(killEveryMs * (0.5 + random()))
      const victims = [...children].filter((entry) => entry.role === 'worker' || state.producing)
      const victim = victims[Math.floor(random() * victims.length)]
      if (victim === undefined || state.stopping) continue
      await kill(victim)
      if (victim.role === 'worker') start('worker', victim.parameters)
    }
  })()

  const kerja = new Kerja({ backend: url, logger: 'error' })
  try {
    await production
    state.producing = false
    // Kills go on for a while after the last acknowledgement, so that they also hit the end of the line.
    await sleep(killEveryMs * 3)
    state.stopping = true
    await nemesis
    await untilEnded(kerja, log)
    const records = await readRecords(kerja)
    await stopWorkers(children)
    return check({ entries: readJournals(folder), kills, records, jobCount: jobs })
  } finally {
    state.stopping = true
    for (const { child } of children) child.kill('SIGKILL')
    await kerja.close()
  }
}

async function stopWorkers(children) {
  const entries = [...children]
  for (const { child } of entries) child.kill('SIGTERM')
  await Promise.all(entries.map((entry) => entry.exited))
}

async function untilEnded(kerja, log) {
  const limit = Date.now() + SETTLE_LIMIT_MS
  for (;;) {
    const stats = await kerja.queues.stats()
    const live = stats.reduce((sum, { counts }) => sum + counts.available + counts.scheduled + counts.running + counts.retryable, 0)
    log(`live ${live}`)
    if (live === 0) return
    if (Date.now() > limit) throw new Error(`${live} jobs had not ended ${SETTLE_LIMIT_MS} ms after the last kill`)
    await sleep(250)
  }
}

async function readRecords(kerja) {
  const records = new Map()
  for (let cursor; ; ) {
    const page = await kerja.jobs.list({ limit: 200, ...(cursor === undefined ? {} : { cursor }) })
    for (const job of page.jobs) records.set(job.id, { state: job.state, token: job.token, attempt: job.attempt })
    if (page.next === null) return records
    cursor = page.next
  }
}

/** Mulberry32: the same seed, the same choices. */
function createRandom(seed) {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      backend: { type: 'string', default: 'sqlite' },
      jobs: { type: 'string', default: '20000' },
      workers: { type: 'string', default: '3' },
      producers: { type: 'string', default: '2' },
      'kill-every': { type: 'string', default: '400' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    },
  })
  if (values.backend !== 'sqlite') {
    console.error(`--backend ${values.backend}: only sqlite can be run so far.`)
    process.exit(2)
  }
  const folder = mkdtempSync(join(tmpdir(), 'kerja-chaos-'))
  const seed = number(values.seed)
  console.log(
    `chaos on ${values.backend}: ${values.jobs} jobs, ${values.workers} workers, ${values.producers} producers, a SIGKILL every ~${values['kill-every']} ms, seed ${seed}`,
  )
  const startedAt = Date.now()
  const result = await runChaos({
    jobs: number(values.jobs),
    workers: number(values.workers),
    producers: number(values.producers),
    killEveryMs: number(values['kill-every']),
    seed,
    url: `sqlite:${join(folder, 'chaos.db')}`,
    folder,
  })
  const { violations, ...counts } = result
  console.log(`acked ${counts.acked}, completed ${counts.completed}, lost ${counts.lost}, stale accepted ${counts.staleAccepted}`)
  console.log(
    `kills ${counts.kills}, rescued ${counts.rescued}, stale refused ${counts.staleRefused}, overlaps ${counts.overlaps}, ${Math.round((Date.now() - startedAt) / 1000)} s`,
  )
  if (violations.length === 0) {
    rmSync(folder, { recursive: true, force: true })
    return
  }
  console.error(`${violations.length} violations, the first ten (journals are kept in ${folder}):`)
  for (const violation of violations.slice(0, 10)) console.error(JSON.stringify(violation))
  process.exitCode = 1
}

if (import.meta.filename === process.argv[1]) await main()
