/** `npm run bench`: measures Kerja beside the raw engine and BullMQ, prints the tables and writes them down. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { kerja } from './lib/contenders.mjs'
import { ensureBuilt, ensureDependencies } from './lib/runner/dependencies.mjs'
import { makeRunFolder, removeFolder } from './lib/runner/folders.mjs'
import { judgeGoals } from './lib/runner/goals.mjs'
import { isDisturbed } from './lib/runner/load.mjs'
import { measureScenario } from './lib/runner/measure.mjs'
import { formatFigure, renderFacts, renderPage, renderScenario } from './lib/runner/report.mjs'
import { contendersOf, loadScenarios } from './lib/runner/scenarios.mjs'
import { summarize } from './lib/statistics.mjs'

const RESULTS = fileURLToPath(new URL('./results/', import.meta.url))
const PAGE = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url))
const USAGE = `node bench/run.mjs [--rounds N] [--only NAME]... [--contenders kerja,raw,bullmq] [--quick]
  --rounds N         rounds of each scenario, interleaved (default 5; 2 with --quick)
  --only NAME        a scenario, may be repeated (default: all)
  --contenders LIST  who takes part (default: all)
  --quick            small sizes: does it run, not how fast is it
A run of all scenarios and contenders at full size writes docs/benchmarks.md; every run writes bench/results/latest.json.`

function readOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      contenders: { type: 'string', default: '' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5))
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${values.rounds}: a whole number from 1 is needed.`)
  return { ...values, rounds, contenders: values.contenders.split(',').filter(Boolean) }
}

const command = () => ['node bench/run.mjs', ...process.argv.slice(2)].join(' ')
const log = (line) => console.error(`${new Date().toTimeString().slice(0, 8)}  ${line}`)

/** Measures, judges and prints one scenario. */
async function runScenario(scenario, options, surroundings, onFailure) {
  const describeRound = (figures) =>
    Object.entries(scenario.metrics)
      .map(([metric, format]) => `${format.label} ${formatFigure(summarize([figures[metric]]), format)}`)
      .join('   ')
  const results = await measureScenario({
    scenario,
    options,
    ...surroundings,
    onRound: ({ round, contender, figures }) => log(`${scenario.name}  round ${round}  ${contender.label}:  ${describeRound(figures)}`),
    onFailure: ({ round, contender, error }) => {
      log(`${scenario.name}  round ${round}  ${contender.label}:  FAILED\n${error.stack}`)
      onFailure()
    },
  })
  const { name, title, about, metrics } = scenario
  const report = { name, title, about, metrics, results, goals: judgeGoals(scenario, results) }
  console.log(`${renderScenario(report)}\n`)
  return report
}

function writeResults(run) {
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(`${RESULTS}latest.json`, `${JSON.stringify(run, null, 2)}\n`)
}

/** A part, a quick look, a failed or a disturbed run must not replace the published page. */
function writePage(options, run) {
  const complete = options.only.length === 0 && options.contenders.length === 0 && !options.quick && !process.exitCode && !isDisturbed(run.facts)
  if (complete) writeFileSync(PAGE, renderPage(run))
  log(`written: bench/results/latest.json${complete ? ', docs/benchmarks.md' : ''}`)
}

/** What a run needs for its time only: a folder and Redis servers; `close` is rid of both. */
async function openSurroundings(kinds) {
  // Imported now: it needs what may just have been installed.
  const { openRedis } = await import('./lib/runner/redis.mjs')
  const folder = makeRunFolder()
  const redis = await openRedis(kinds, folder).catch((error) => {
    removeFolder(folder)
    throw error
  })
  const close = () => {
    redis.close()
    removeFolder(folder)
  }
  const interrupted = (signal) => {
    log(`interrupted by ${signal}: what was not finished is missing from bench/results/latest.json`)
    close()
    process.exit(1)
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  return { redis, folder, close }
}

async function main() {
  const options = readOptions()
  if (options.help) return console.log(USAGE)
  ensureDependencies()
  const scenarios = (await loadScenarios(options.only)).filter((scenario) => contendersOf(scenario, options).length > 0)
  const taking = scenarios.flatMap((scenario) => contendersOf(scenario, options).map(([, contender]) => contender))
  if (taking.some(({ label }) => label.startsWith(kerja.label))) ensureBuilt()
  const { close, ...surroundings } = await openSurroundings(new Set(taking.flatMap((contender) => contender.redis ?? [])))
  const onFailure = () => {
    process.exitCode = 1
  }
  try {
    const { describeMachine } = await import('./lib/runner/machine.mjs')
    const facts = { ...describeMachine(surroundings.redis.version), command: command(), rounds: options.rounds }
    console.log(`${renderFacts(facts)}\n`)
    const reports = []
    if (isDisturbed(facts))
      log(`load average ${facts.load} before the start: others use this machine, so limits cannot be judged and the page is not written`)
    for (const scenario of scenarios) {
      reports.push(await runScenario(scenario, options, surroundings, onFailure))
      // After each, so that an interruption loses only what was under way.
      writeResults({ facts, scenarios: reports })
    }
    writePage(options, { facts, scenarios: reports })
  } finally {
    close()
  }
}

main().catch((error) => {
  console.error(error.message)
  process.exitCode = 1
})
