/** Runs the measurements: rounds A B C A B C, each in fresh processes and a fresh folder. */
import { mkdtempSync } from 'node:fs'
import { basename, join } from 'node:path'
import { startRole } from '../role.mjs'
import { summarize } from '../statistics.mjs'
import { removeFolder } from './folders.mjs'
import { findNewerNode } from './newer-node.mjs'
import { contendersOf } from './scenarios.mjs'

const TIMEOUT_MS = 180_000

async function withTimeout(part, timeoutMs, what) {
  let timer
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${timeoutMs / 1000} s`)), timeoutMs)
  })
  try {
    return await Promise.race([part.result, late])
  } finally {
    clearTimeout(timer)
    // Its own parts end with it.
    part.kill()
  }
}

/** One measurement: the figures of one contender in one round. */
async function measureOnce({ scenario, key, contender, size, servers, folder }) {
  const store = mkdtempSync(join(folder, `${basename(scenario.name)}-`))
  const server = servers.of(contender)
  const execPath = contender.newerNode ? findNewerNode() : process.execPath
  try {
    const part = startRole(scenario.name, 'run', [key, size], { env: { BENCH_STORE: store, ...server?.env }, execPath })
    return await withTimeout(part, scenario.timeoutMs ?? TIMEOUT_MS, `${scenario.name}, ${contender.label}`)
  } finally {
    await server?.clean()
    await removeFolder(store)
  }
}

/** Null when every round failed, undefined when the rounds could not measure it. */
function figureOf(rounds, metric) {
  if (rounds.length === 0) return null
  const values = rounds.map((round) => round[metric])
  return values.some((value) => value == null) ? undefined : summarize(values)
}

function summary(scenario, contender, rounds, servers) {
  const figures = Object.fromEntries(Object.keys(scenario.metrics).map((metric) => [metric, figureOf(rounds, metric)]))
  return { label: contender.label, durability: contender.durability ?? servers.of(contender).durability, figures }
}

/** All rounds of a scenario. A measurement that fails is told to `onFailure` and left out. */
export async function measureScenario({ scenario, options, servers, folder, onRound, onFailure }) {
  const contenders = contendersOf(scenario, options)
  const size = options.quick ? scenario.sizes.quick : scenario.sizes.full
  const measured = new Map(contenders.map(([key]) => [key, []]))
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const [key, contender] of contenders) {
      if (round > (contender.roundsMax ?? scenario.roundsMax ?? Number.POSITIVE_INFINITY)) continue
      try {
        const figures = await measureOnce({ scenario, key, contender, size, servers, folder })
        measured.get(key).push(figures)
        onRound({ round, contender, figures })
      } catch (error) {
        onFailure({ round, contender, error })
      }
    }
  }
  return Object.fromEntries(contenders.map(([key, contender]) => [key, summary(scenario, contender, measured.get(key), servers)]))
}
