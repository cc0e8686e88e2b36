// Chaos: producers and workers in processes of their own, killed at random with SIGKILL while jobs flow, on a store that is broken as well where it
// is a server; then every promise is checked.
// node test/chaos/run.mjs --backend sqlite|postgres|rabbitmq|sqs [--jobs N] [--workers 3] [--producers 2] [--kill-every MS] [--seed N]
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Kerja } from 'kerja'
import { check } from './check.mjs'
import { isAsSent, SCHEDULE, schedule, TICK_MS } from './jobs.mjs'
import { readJournals } from './journal.mjs'

/** After the last fault: rescue, backoff and the rest of the work. */
const SETTLE_LIMIT_MS = 120_000
/** What a run has by itself. A worker that finds a server away at its start is not up at once: it must have the time to be in the way of a fault. */
const USUAL = {
  sqlite: { jobs: '20000', 'kill-every': '400' },
  postgres: { jobs: '50000', 'kill-every': '2000' },
  rabbitmq: { jobs: '20000', 'kill-every': '2000' },
  sqs: { jobs: '20000', 'kill-every': '1000' },
}
/** What a worker ends with that found the store away when it started. */
const STORE_AWAY = 75

export async function runChaos({ backend, jobs, workers, producers, killEveryMs, seed, folder, log = () => undefined }) {
  const random = createRandom(seed)
  const { openStore } = await import(`./stores/${backend}.mjs`)
  const store = await openStore({ folder, random, seed })
  const kerja = new Kerja({ backend: store.url, logger: 'silent' })
  const crew = createCrew({ url: store.url, folder })
  try {
    await kerja.open()
    await store.watch()
    await kerja.schedules.upsert(schedule)
    const firstAt = await nextTick(kerja)
    for (let index = 0; index < workers; index += 1) crew.keepWorker({ concurrency: 20 })
    const faults = [{ everyMs: killEveryMs, act: () => crew.killOne(random) }, ...store.faults].map((fault) => repeat(fault, random))
    const progress = report(crew, store, log)
    const share = Math.ceil(jobs / producers)
    const shares = Array.from({ length: producers }, (_, index) => ({ from: index * share, to: Math.min(jobs, (index + 1) * share), callers: 50 }))
    let workUntil
    try {
      await Promise.race([Promise.all(shares.map((each) => crew.produce(each))), crew.failed, ...faults.map(({ failed }) => failed)])
      workUntil = Date.now()
      // However quick the work was, each fault is to strike.
      await Promise.all(faults.map(({ struck }) => struck))
      // Faults go on for a while after the last acknowledgement, so that they also hit the end of the line.
      await sleep(killEveryMs * 3)
    } finally {
      await Promise.all(faults.map((fault) => fault.stop()))
      clearInterval(progress)
    }
    await kerja.schedules.pause(SCHEDULE)
    const endAt = await nextTick(kerja)
    await Promise.race([untilEnded(kerja, store, log), crew.failed])
    const records = await readRecords(kerja)
    await crew.stop()
    const [entries, lives] = [readJournals(folder), await store.lives()]
    const evidence = { entries, kills: crew.kills, records, jobCount: jobs, lives, outages: store.outages, workUntil }
    return { ...check({ ...evidence, ticks: { firstAt, endAt, everyMs: TICK_MS } }), ...store.counts() }
  } finally {
    crew.end()
    await kerja.close()
    await store.close()
  }
}

const nextTick = async (kerja) => (await kerja.schedules.list()).find(({ name }) => name === SCHEDULE).nextAt.getTime()

/** The processes. What is killed is replaced, as a process manager would. */
function createCrew({ url, folder }) {
  const kills = []
  const children = new Set()
  let spawned = 0
  let isStopping = false
  let fail
  const failed = new Promise((_, reject) => {
    fail = reject
  })
  failed.catch(() => undefined)

  function start(role, parameters) {
    const name = `${role}-${spawned++}`
    const script = new URL(`./${role}.mjs`, import.meta.url).pathname
    const child = spawn(process.execPath, [script, JSON.stringify({ ...parameters, url, folder, name })], { stdio: ['ignore', 'inherit', 'inherit'] })
    const entry = { role, name, child }
    entry.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
    children.add(entry)
    entry.exited.then(() => children.delete(entry))
    return entry
  }

  return {
    kills,
    /** Rejects when a process ended that should not have. */
    failed,
    async keepWorker(parameters) {
      while (!isStopping) {
        const { name, exited } = start('worker', parameters)
        const { code, signal } = await exited
        if (!isStopping && signal === null && code !== STORE_AWAY) fail(new Error(`${name} ended by itself with code ${code}`))
      }
    },
    /** A producer ends by itself when its share is acknowledged; killed before that, it is started again and goes on. */
    async produce(parameters) {
      for (;;) {
        const { name, exited } = start('producer', parameters)
        const { code } = await exited
        if (code === 0) return
        if (code !== null) throw new Error(`${name} ended with code ${code}`)
      }
    },
    async killOne(random) {
      const victims = [...children]
      const victim = victims[Math.floor(random() * victims.length)]
      if (victim === undefined || victim.child.exitCode !== null) return
      victim.child.kill('SIGKILL')
      const at = Date.now()
      const { signal } = await victim.exited
      if (signal === 'SIGKILL') kills.push({ process: victim.name, at })
    },
    async stop() {
      isStopping = true
      const entries = [...children]
      for (const { child } of entries) child.kill('SIGTERM')
      await Promise.all(entries.map((entry) => entry.exited))
    },
    end() {
      isStopping = true
      for (const { child } of children) child.kill('SIGKILL')
    },
  }
}

/** Strikes again and again, at times that vary. */
function repeat({ everyMs, act }, random) {
  let isStopping = false
  const wake = new AbortController()
  let strike
  const struck = new Promise((resolve) => {
    strike = resolve
  })
  const loop = (async () => {
    for (;;) {
      await sleep(everyMs * (0.5 + random()), undefined, { signal: wake.signal }).catch(() => undefined)
      if (isStopping) return
      await act()
      strike()
    }
  })()
  return {
    /** Resolves after the first time. */
    struck,
    failed: loop.then(() => new Promise(() => undefined)),
    stop() {
      isStopping = true
      wake.abort()
      return loop
    },
  }
}

const report = (crew, store, log) =>
  setInterval(() => log(JSON.stringify({ kills: crew.kills.length, ...store.counts() }).replaceAll(/["{}]/g, ' ')), 5_000)

async function untilEnded(kerja, { isEmpty = () => true }, log) {
  const limit = Date.now() + SETTLE_LIMIT_MS
  for (;;) {
    const stats = await kerja.queues.stats()
    const live = stats.reduce((sum, { counts }) => sum + counts.available + counts.scheduled + counts.running + counts.retryable, 0)
    log(`live ${live}`)
    if (live === 0 && isEmpty()) return
    if (Date.now() > limit) throw new Error(`${live} jobs had not ended ${SETTLE_LIMIT_MS} ms after the last fault`)
    await sleep(500)
  }
}

async function readRecords(kerja) {
  const records = new Map()
  for (let cursor; ; ) {
    const page = await kerja.jobs.list({ limit: 200, ...(cursor === undefined ? {} : { cursor }) })
    for (const job of page.jobs) records.set(job.id, recordOf(job))
    if (page.next === null) return records
    cursor = page.next
  }
}

const recordOf = (job) => ({
  kind: job.kind,
  state: job.state,
  token: job.token,
  attempt: job.attempt,
  payload: job.payload,
  asSent: job.schedule === null ? isAsSent(job) : true,
  scheduledFor: job.schedule?.scheduledFor.getTime() ?? null,
})

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

const number = (text) => Number.parseInt(text, 10)

function readArguments() {
  const { values } = parseArgs({
    options: {
      backend: { type: 'string', default: 'sqlite' },
      jobs: { type: 'string' },
      workers: { type: 'string', default: '3' },
      producers: { type: 'string', default: '2' },
      'kill-every': { type: 'string' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    },
  })
  if (!(values.backend in USUAL)) {
    console.error(`--backend ${values.backend}: choose one of ${Object.keys(USUAL).join(', ')}.`)
    process.exit(2)
  }
  const { backend, jobs, workers, producers, 'kill-every': killEveryMs, seed } = { ...USUAL[values.backend], ...values }
  const numbers = { jobs, workers, producers, killEveryMs, seed }
  return { backend, ...Object.fromEntries(Object.entries(numbers).map(([name, text]) => [name, number(text)])) }
}

function print(counts, seconds) {
  const { acked, duplicates, unsure, jobs, completed, lost, staleAccepted, staleRefused, settledTwice, uniqueViolated } = counts
  console.log(`acked ${acked} (${duplicates} as duplicates, ${unsure} sends unsure), jobs ${jobs}, completed ${completed}, lost ${lost}`)
  console.log(`stale accepted ${staleAccepted}, settled twice ${settledTwice}, unique keys violated ${uniqueViolated}, overlaps ${counts.overlaps}`)
  console.log(`schedule ticks ${counts.ticks}, lost ${counts.ticksLost}, doubled ${counts.ticksDoubled}`)
  const server =
    counts.restarts === undefined
      ? ''
      : `, restarts ${counts.restarts}, connections terminated ${counts.terminated}, claiming again at most ${counts.recoveryMsMax} ms after a restart`
  console.log(`kills ${counts.kills}${server}, rescued ${counts.rescued}, stale refused ${staleRefused}, ${seconds} s`)
}

async function main() {
  const options = readArguments()
  // The store's own server is put away when this process exits.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
  const folder = mkdtempSync(join(tmpdir(), 'kerja-chaos-'))
  const { backend, jobs, workers, producers, killEveryMs, seed } = options
  console.log(`chaos on ${backend}: ${jobs} jobs, ${workers} workers, ${producers} producers, a SIGKILL every ~${killEveryMs} ms, seed ${seed}`)
  const startedAt = Date.now()
  const { violations, ...counts } = await runChaos({ ...options, folder, log: (line) => console.log(line) })
  print(counts, Math.round((Date.now() - startedAt) / 1000))
  if (violations.length === 0) {
    rmSync(folder, { recursive: true, force: true })
    return
  }
  console.error(`${violations.length} violations, the first ten (journals are kept in ${folder}):`)
  for (const violation of violations.slice(0, 10)) console.error(JSON.stringify(violation))
  process.exitCode = 1
}

if (import.meta.filename === process.argv[1]) await main()
