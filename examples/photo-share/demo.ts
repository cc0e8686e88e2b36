/**
 * The demo: people use a photo-sharing application while its workers send letters, make pictures, charge orders, and one of them is killed.
 * It ends with a summary of what was measured, and with exit code 1 if anything was lost or done twice. `--keep` leaves the application running.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Kerja } from 'kerja'
import { type Database, openDatabase, transaction } from './app/database.js'
import { sharesDatabase } from './app/together.js'
import { createAccepted } from './stage/accepted.js'
import { checkEverything } from './stage/checks.js'
import { createClient } from './stage/client.js'
import { type Crew, startCrew } from './stage/crew.js'
import { createKiller, type Killer } from './stage/killing.js'
import { readAllJobs, untilDrained } from './stage/ledger.js'
import { type Line, layLine } from './stage/line.js'
import { type LiveLine, startLiveLine } from './stage/live-line.js'
import { playOutage } from './stage/outage.js'
import { type Outside, startOutside } from './stage/outside.js'
import { makeSamples } from './stage/samples.js'
import { startStatus } from './stage/status.js'
import { chooseStore } from './stage/store.js'
import { type Outcome, summarize } from './stage/summary.js'
import { createTally } from './stage/tally.js'
import { LONG_STAY, receiveVisitors, type Scene, SHORT_STAY } from './stage/visitors.js'

const WORKERS = 3
const READERS = 500
const NEWSLETTER_AT_MS = 2_500
const KILL_AT_MS = 6_500
const STALL_MAX_MS = 120_000
const INTERRUPTED = 130

const { keep } = parseArgs({ options: { keep: { type: 'boolean', default: false } } }).values
/** How to put away what has been set up, the last thing first. */
const undo: (() => unknown)[] = []
const startedAt = performance.now()

async function tidyUp(): Promise<void> {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'photo-share-'))
  // After a failure somebody will want the data and the logs.
  undo.push(() => (keep || process.exitCode === 1 ? console.log(`Data and logs are in ${folder}`) : rmSync(folder, { recursive: true, force: true })))
  for (const name of ['data', 'logs']) mkdirSync(join(folder, name))
  return folder
}

/** People who want the newsletter. */
async function seedReaders(database: Database): Promise<string[]> {
  const insert = database.prepare('INSERT INTO users (id, name, email, newsletter) VALUES (?, ?, ?, 1)')
  const emails = Array.from({ length: READERS }, (_, index) => `reader-${index + 1}@example.test`)
  await transaction(database, () => {
    for (const [index, email] of emails.entries()) insert.run(`reader-${index + 1}`, `Reader ${index + 1}`, email)
  })
  return emails
}

async function sendNewsletter({ client, tally }: Scene, live: LiveLine): Promise<void> {
  const { body } = await client.post('/newsletter', { issue: 1 })
  const again = await client.post('/newsletter', { issue: 1 })
  const { letters } = body as { letters: number }
  const { duplicates } = again.body as { duplicates: number }
  live.say(`a newsletter of ${letters} letters is accepted; the button was pressed twice, ${duplicates} of the second ${letters} were there already`)
  if (letters !== READERS || duplicates !== READERS) tally.surprise(`Newsletter: ${letters} letters, ${duplicates} duplicates, not ${READERS}`)
}

interface Props {
  readonly crew: Crew
  readonly killer: Killer
  readonly kerja: Kerja
  readonly line: Line | null
  readonly live: LiveLine
}

/** The acts, from the first visitor to the last job done. Answers with what must not happen and did. */
async function play(scene: Scene, { crew, killer, kerja, line, live }: Props) {
  const visitors = receiveVisitors(scene)
  await sleep(NEWSLETTER_AT_MS)
  await sendNewsletter(scene, live)
  await sleep(KILL_AT_MS - NEWSLETTER_AT_MS)
  const killing = await killer.kill(crew)
  const outage = line === null ? null : await playOutage(line, scene.tally, live.say)
  await visitors
  live.say('the visitors have left; the workers finish what was promised to them')
  const drained = await untilDrained(kerja, STALL_MAX_MS)
  live.stop()
  const faults = [
    ...(killing === null ? ['No worker was busy enough to be killed.'] : []),
    ...(drained ? [] : [`Jobs are left over, and none has ended for ${STALL_MAX_MS / 1000} s.`]),
  ]
  return { killing, outage, faults }
}

function listNotes(outside: Outside, scene: Scene): string[] {
  return [
    ...(scene.samples.clip === null ? ['The clips were left out: there is no ffmpeg on this machine.'] : []),
    ...(sharesDatabase(outside.settings)
      ? []
      : ['KERJA_URL keeps the jobs apart from the rows: no transaction held both, and a list of job ids kept rows from being written twice.']),
  ]
}

async function main(): Promise<void> {
  const folder = makeFolder()
  const store = chooseStore(process.env.KERJA_URL, process.env.KERJA_STATE_URL)
  const line = await layLine(store.url)
  undo.push(() => line?.close())
  const url = line?.url ?? store.url
  if (url !== undefined) process.env.KERJA_URL = url
  if (store.stateUrl !== undefined) process.env.KERJA_STATE_URL = store.stateUrl
  for (const notice of store.notices) console.log(notice)
  // After a failure somebody will want the jobs.
  undo.push(() => (process.exitCode === 1 ? undefined : store.remove()))
  const outside = await startOutside(folder)
  undo.push(() => outside.close())
  console.log('Making sample pictures …')
  const samples = await makeSamples(folder)
  const tally = createTally()
  const kerja = new Kerja({ backend: outside.settings.backendUrl })
  const database = openDatabase(outside.settings.databasePath, { durable: true })
  undo.push(
    () => database.close(),
    () => kerja.close(),
  )
  await kerja.open()

  const status = startStatus(kerja, tally, outside)
  undo.push(() => status.stop())
  const live = startLiveLine(() => status.line())
  undo.push(() => live.stop())
  const killer = createKiller(live.say)
  const crew = await startCrew({
    workers: WORKERS,
    environment: outside.environment,
    logFolder: join(folder, 'logs'),
    onEvent: (worker, told) => {
      tally.event(told)
      killer.event(worker, told)
    },
  })
  undo.push(() => crew.stop())
  const client = createClient(crew.webUrl)
  undo.push(() => client.close())
  live.say(`one web process and ${WORKERS} workers run; visitors arrive`)

  const accepted = { ...createAccepted(), readers: await seedReaders(database) }
  const scene = { client, accepted, tally, samples, pushService: outside.pushService, stay: line === null ? SHORT_STAY : LONG_STAY }
  const { killing, outage, faults } = await play(scene, { crew, killer, kerja, line, live })

  const jobs = await readAllJobs(kerja)
  const evidence = { accepted, jobs, database, filesFolder: outside.settings.filesFolder, ...outside }
  const completed = new Set(jobs.filter(({ state }) => state === 'completed').map(({ id }) => id))
  if (killing !== null) killing.settled += killer.unheard().filter((id) => completed.has(id)).length
  const outcome = {
    evidence,
    checks: await checkEverything(evidence),
    tally,
    killing,
    outage,
    tookMs: performance.now() - startedAt,
    faults: [...faults, ...tally.surprises, ...crew.deserters],
    notes: listNotes(outside, scene),
  }
  console.log(summarize(outcome))
  process.exitCode = isClean(outcome) ? 0 : 1
  if (keep) await stayOpen(crew.webUrl)
}

const isClean = ({ faults, checks }: Pick<Outcome, 'faults' | 'checks'>) =>
  faults.length === 0 && checks.every(({ missing, doubled }) => missing.length + doubled.length === 0)

async function stayOpen(url: string): Promise<void> {
  console.log(`The application stays open at ${url} until you press Ctrl-C.`)
  await new Promise(() => undefined)
}

const interrupted = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  // Whoever read the output has closed it.
  process.stdout.on('error', () => resolve())
})

try {
  await Promise.race([main(), interrupted])
} catch (error) {
  console.error(error)
  process.exitCode = 1
}
await tidyUp()
// Interrupted visitors have timers that would keep this process.
process.exit(process.exitCode ?? INTERRUPTED)
