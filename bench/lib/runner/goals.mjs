/**
 * Goals against figures. A goal is `{ metric, of, to?, atLeast | atMost, worst? }`: with `to` the ratio of the two medians of this run is judged, else the
 * median itself, or the worst round where `worst` says so.
 */
function judged(figure, goal) {
  if (!goal.worst) return figure.median
  return goal.atMost === undefined ? figure.min : figure.max
}

function describe(scenario, results, goal) {
  const metric = scenario.metrics[goal.metric]
  const subject = `${results[goal.of].label}, ${metric.label}${goal.worst ? ' (worst round)' : ''}`
  const bound = goal.atMost === undefined ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`
  return goal.to === undefined ? `${subject}: ${bound}` : `${subject}: ${bound} × ${results[goal.to].label}`
}

function judge(scenario, results, goal) {
  const own = results[goal.of].figures[goal.metric]
  const other = goal.to === undefined ? undefined : results[goal.to].figures[goal.metric]
  if (own === null || other === null) return { goal: describe(scenario, results, goal), value: null, met: false }
  const value = other === undefined ? judged(own, goal) : own.median / other.median
  const met = goal.atMost === undefined ? value >= goal.atLeast : value <= goal.atMost
  const rounds = other === undefined ? [] : own.values.slice(0, other.values.length).map((figure, round) => figure / other.values[round])
  return { goal: describe(scenario, results, goal), value, ratio: other !== undefined, rounds, met }
}

/** Only goals whose contenders took part. */
export function judgeGoals(scenario, results) {
  return scenario.goals.filter(({ of, to }) => of in results && (to === undefined || to in results)).map((goal) => judge(scenario, results, goal))
}
