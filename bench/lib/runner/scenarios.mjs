/** The scenarios of a suite in the order of the report, and who takes part in them. */

/** All of them, or those named. */
export async function loadScenarios({ folder, scenarios }, only) {
  const unknown = only.filter((name) => !scenarios.includes(name))
  if (unknown.length > 0) throw new Error(`No scenario is named ${unknown.join(', ')}. There are: ${scenarios.join(', ')}.`)
  const names = only.length === 0 ? scenarios : scenarios.filter((name) => only.includes(name))
  return Promise.all(names.map((name) => import(new URL(`../../${folder}${name}.mjs`, import.meta.url).href)))
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
