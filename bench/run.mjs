/** `npm run bench [peers]`: measures Kerja beside the raw engine and other job systems, prints the tables and writes them down. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { kerja } from './lib/contenders.mjs'
import { renderChart } from './lib/runner/chart.mjs'
import { ensureBuilt, ensureDependencies } from './lib/runner/dependencies.mjs'
import { makeRunFolder, removeFolder } from './lib/runner/folders.mjs'
import { judgeGoals } from './lib/runner/goals.mjs'
import { isDisturbed, readLoad } from './lib/runner/load.mjs'
import { measureScenario } from './lib/runner/measure.mjs'
import { formatFigure, renderFacts, renderPage, renderScenario } from './lib/runner/report.mjs'
import { contendersOf, loadScenarios } from './lib/runner/scenarios.mjs'
import { openServers } from './lib/runner/servers.mjs'
import { SUITES } from './lib/runner/suites.mjs'
import { summarize } from './lib/statistics.mjs'

const RESULTS = fileURLToPath(new URL('./results/', import.meta.url))
const ROOT = fileURLToPath(new URL('../', import.meta.url))
const USAGE = `node bench/run.mjs [SUITE] [--rounds N] [--only NAME]... [--contenders kerja,raw,bullmq] [--quick]
  SUITE              embedded (default): Kerja on SQLite; peers: Kerja on PostgreSQL, beside other job systems on the same server;
                     brokers: Kerja on RabbitMQ, alone and with a state
  --rounds N         rounds of each scenario, interleaved (default 5; 2 with --quick)
  --only NAME        a scenario, may be repeated (default: all)
  --contenders LIST  who takes part (default: all)
  --quick            small sizes: does it run, not how fast is it
A run of all scenarios and contenders at full size writes docs/benchmarks.md (peers: docs/benchmarks-postgres.md and its chart); every run writes
bench/results/latest.json (peers: bench/results/peers.json).`

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      contenders: { type: 'string', default: '' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const [name = 'embedded', ...more] = positionals
  if (!Object.hasOwn(SUITES, name) || more.length > 0)
    throw new Error(`${positionals.join(' ')}: one suite is needed, ${Object.keys(SUITES).join(' or ')}.`)
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5))
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${values.rounds}: a whole number from 1 is needed.`)
  return { ...values, suite: SUITES[name], rounds, contenders: values.contenders.split(',').filter(Boolean) }
}

const command = () => ['node bench/run.mjs', ...process.argv.slice(2)].join(' ')
const log = (line) => console.error(`${new Date().toTimeString().slice(0, 8)}  ${line}`)

/** Measures, judges and prints one scenario. */
async function runScenario(scenario, options, { servers, folder, isClosed }, onFailure) {
  const describeRound = (figures) =>
    Object.entries(scenario.metrics)
      .map(([metric, format]) => `${format.label} ${figures[metric] == null ? '–' : formatFigure(summarize([figures[metric]]), format)}`)
      .join('   ')
  const results = await measureScenario({
    scenario,
    options,
    servers,
    folder,
    onRound: ({ round, contender, figures }) => log(`${scenario.name}  round ${round}  ${contender.label}:  ${describeRound(figures)}`),
    onFailure: ({ round, contender, error }) => {
      // An interrupted run fails at whatever it was doing.
      if (isClosed()) return
      log(`${scenario.name}  round ${round}  ${contender.label}:  FAILED\n${error.stack}`)
      onFailure()
    },
  })
  const { name, title, about, metrics } = scenario
  const report = { name, title, about, metrics, results, goals: judgeGoals(scenario, results) }
  console.log(`${renderScenario(report)}\n`)
  return report
}

const fromRoot = (path) => relative(ROOT, path)

function writeResults({ suite }, run) {
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(`${RESULTS}${suite.results}`, `${JSON.stringify(run, null, 2)}\n`)
}

/** A part, a quick look, a failed or a disturbed run must not replace the published page. */
function writePage(options, run) {
  const { suite } = options
  const complete = options.only.length === 0 && options.contenders.length === 0 && !options.quick && !process.exitCode && !isDisturbed(run.facts)
  const written = [`bench/results/${suite.results}`]
  if (complete && suite.chart) {
    writeFileSync(suite.chart, renderChart(run))
    written.push(fromRoot(suite.chart))
  }
  if (complete) {
    writeFileSync(suite.page, renderPage(run, suite, suite.chart ? [`![Rates of all contenders](${basename(suite.chart)})`] : []))
    written.push(fromRoot(suite.page))
  }
  log(`written: ${written.join(', ')}`)
}

/** What a run needs for its time only: a folder and servers; `close` is rid of both. */
async function openSurroundings(contenders) {
  const folder = makeRunFolder()
  const opening = openServers(contenders, folder)
  let isClosed = false
  const close = async () => {
    if (isClosed) return
    isClosed = true
    // Told to close while they start, they are there a moment later; what failed to start has been stopped.
    await opening.then(
      (servers) => servers.close(),
      () => undefined,
    )
    await removeFolder(folder)
  }
  const interrupted = async (signal) => {
    log(`interrupted by ${signal}: what was not finished is missing from the results`)
    await close()
    process.exit(1)
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    return { servers: await opening, folder, close, isClosed: () => isClosed }
  } catch (error) {
    await close()
    throw error
  }
}

/** Measures one scenario after another and writes them down. */
async function runSuite(scenarios, options, surroundings, facts) {
  const onFailure = () => {
    process.exitCode = 1
  }
  console.log(`${renderFacts(facts)}\n`)
  if (isDisturbed(facts))
    log(`load average ${facts.load} before the start: others use this machine, so limits cannot be judged and the page is not written`)
  const reports = []
  for (const scenario of scenarios) {
    reports.push(await runScenario(scenario, options, surroundings, onFailure))
    // After each, so that an interruption loses only what was under way.
    writeResults(options, { facts, scenarios: reports })
  }
  writePage(options, { facts, scenarios: reports })
}

async function main() {
  const options = readOptions()
  if (options.help) return console.log(USAGE)
  const scenarios = (await loadScenarios(options.suite, options.only)).filter((scenario) => contendersOf(scenario, options).length > 0)
  const taking = scenarios.flatMap((scenario) => contendersOf(scenario, options).map(([, contender]) => contender))
  const newerNode = taking.some((contender) => contender.newerNode)
  ensureDependencies({ withPeers: newerNode })
  if (taking.some(({ label }) => label.startsWith(kerja.label))) ensureBuilt()
  // Before the servers, whose own start would count.
  const load = readLoad()
  const { close, ...surroundings } = await openSurroundings(taking)
  try {
    const facts = { ...options.suite.describe({ ...surroundings.servers, newerNode }), load, command: command(), rounds: options.rounds }
    await runSuite(scenarios, options, surroundings, facts)
  } finally {
    await close()
  }
}

main().catch((error) => {
  console.error(error.message)
  process.exitCode = 1
})
