/** Runs the measurements: rounds A B C A B C, each in fresh processes and a fresh folder. */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { startRole } from '../role.mjs'
import { summarize } from '../statistics.mjs'
import { removeFolder } from './folders.mjs'
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
async function measureOnce({ scenario, key, contender, size, redis, folder }) {
  const store = mkdtempSync(join(folder, `${scenario.name}-`))
  const server = contender.redis === undefined ? undefined : redis.server(contender.redis)
  try {
    const part = startRole(scenario.name, 'run', [key, size], { BENCH_STORE: store, ...server?.env })
    return await withTimeout(part, scenario.timeoutMs ?? TIMEOUT_MS, `${scenario.name}, ${contender.label}`)
  } finally {
    await server?.clean()
    removeFolder(store)
  }
}

function summary(scenario, contender, rounds, redis) {
  const figures = Object.fromEntries(
    Object.keys(scenario.metrics).map((metric) => [metric, rounds.length > 0 ? summarize(rounds.map((round) => round[metric])) : null]),
  )
  return { label: contender.label, durability: contender.durability ?? redis.server(contender.redis).durability, figures }
}

/** All rounds of a scenario. A measurement that fails is told to `onFailure` and left out. */
export async function measureScenario({ scenario, options, redis, folder, onRound, onFailure }) {
  const contenders = contendersOf(scenario, options)
  const size = options.quick ? scenario.sizes.quick : scenario.sizes.full
  const measured = new Map(contenders.map(([key]) => [key, []]))
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const [key, contender] of contenders) {
      if (round > (contender.roundsMax ?? scenario.roundsMax ?? Number.POSITIVE_INFINITY)) continue
      try {
        const figures = await measureOnce({ scenario, key, contender, size, redis, folder })
        measured.get(key).push(figures)
        onRound({ round, contender, figures })
      } catch (error) {
        onFailure({ round, contender, error })
      }
    }
  }
  return Object.fromEntries(contenders.map(([key, contender]) => [key, summary(scenario, contender, measured.get(key), redis)]))
}
