/** Times claims where they happen: in the log of a server of our own, which writes down every statement for as long as somebody measures. */
import { readFileSync, statSync } from 'node:fs'
import { sleep } from '../meters.mjs'
import { ask } from './server.mjs'

const { BENCH_POSTGRES_LOG: logFile } = process.env
// Executing a statement; parsing and binding are logged apart, and a claim's cost may be in its planning.
const ENTRY = /^LOG: {2}duration: ([\d.]+) ms {2}(parse|bind|execute|statement)[^:]*: ([\s\S]*)$/
const RELOAD_MS = 300

async function logStatements(minimumMs) {
  await ask(`ALTER SYSTEM SET log_min_duration_statement = ${minimumMs}`)
  await ask('SELECT pg_reload_conf()')
  await sleep(RELOAD_MS)
}

/** Milliseconds of each execution of a claim: with the bind before it, where a plan is made. */
function readDurations(text, isClaim) {
  const durations = []
  let bindMs = 0
  // Further lines of an entry begin with a tab.
  for (const entry of text.split(/\n(?!\t)/)) {
    const [, duration, step, statement = ''] = ENTRY.exec(entry) ?? []
    if (!isClaim.test(statement)) continue
    if (step === 'bind') bindMs = Number(duration)
    if (step === 'execute' || step === 'statement') {
      durations.push(Number(duration) + bindMs)
      bindMs = 0
    }
  }
  return durations
}

/**
 * Starts to watch the statements that match `isClaim`. The returned function ends it and gives their durations in ms, or null on a server whose log is not
 * ours to read.
 */
export function claimDurations(isClaim) {
  if (logFile === undefined) return async () => null
  const started = logStatements(0).then(() => statSync(logFile).size)
  return async () => {
    const from = await started
    await logStatements(-1)
    return readDurations(readFileSync(logFile).subarray(from).toString('utf8'), isClaim)
  }
}
