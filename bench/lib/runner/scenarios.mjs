/** The scenarios in the order of the report. */
const NAMES = [
  'enqueue-many-callers',
  'enqueue-one-caller',
  'enqueue-bulk',
  'drain',
  'produce-and-drain',
  'latency-one-process',
  'latency-two-processes',
  'event-loop',
  'backlog',
  'memory',
  'failover',
]

/** All of them, or those named. */
export async function loadScenarios(only) {
  const unknown = only.filter((name) => !NAMES.includes(name))
  if (unknown.length > 0) throw new Error(`No scenario is named ${unknown.join(', ')}. There are: ${NAMES.join(', ')}.`)
  const names = only.length === 0 ? NAMES : NAMES.filter((name) => only.includes(name))
  return Promise.all(names.map((name) => import(new URL(`../../${name}.mjs`, import.meta.url).href)))
}

/** The contenders of a scenario that take part in this run: `[key, contender]`. */
export function contendersOf(scenario, { contenders: wanted, quick }) {
  const isWanted = (key, contender) => wanted.length === 0 || wanted.includes(key) || wanted.includes(familyOf(contender))
  return Object.entries(scenario.contenders).filter(([key, contender]) => isWanted(key, contender) && !(quick && contender.slow))
}

/** `kerja` also for «Kerja, 1M queued»: the variants of a contender are chosen together. */
function familyOf(contender) {
  return contender.label.split(/[ ,]/)[0].toLowerCase()
}
