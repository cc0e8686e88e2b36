/**
 * Goals against figures. A goal is `{ metric, of, to?, toMetric?, atLeast | atMost, worst? }`. With `to` the ratio of the two medians of this run is judged:
 * to another contender, or to the best of a list of them. Else the median itself is judged, or the worst round where `worst` says so.
 */
function judged(figure, goal) {
  if (!goal.worst) return figure.median
  return goal.atMost === undefined ? figure.min : figure.max
}

const figureOf = (results, contender, metric) => results[contender]?.figures[metric] ?? null

/** The key of the contender that a goal is measured against: of a list the best in this run. */
function opponentOf(results, { to, metric, toMetric = metric, atMost }) {
  if (!Array.isArray(to)) return to
  const measured = to.filter((key) => figureOf(results, key, toMetric) !== null)
  const median = (key) => figureOf(results, key, toMetric).median
  // Where less is better, the best is the least.
  const isBetter = (a, b) => (atMost === undefined ? median(a) > median(b) : median(a) < median(b))
  return measured.reduce((best, key) => (isBetter(key, best) ? key : best), measured[0])
}

function describe(scenario, results, goal, opponent) {
  const metric = scenario.metrics[goal.metric]
  const subject = `${results[goal.of].label}, ${metric.label}${goal.worst ? ' (worst round)' : ''}`
  const bound = goal.atMost === undefined ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`
  if (goal.to === undefined) return `${subject}: ${bound}`
  const list = Array.isArray(goal.to) ? ', the best of those compared' : ''
  return `${subject}: ${bound} × ${results[opponent].label}${list}`
}

function judge(scenario, results, goal) {
  const opponent = opponentOf(results, goal)
  const own = figureOf(results, goal.of, goal.metric)
  const other = opponent === undefined ? undefined : figureOf(results, opponent, goal.toMetric ?? goal.metric)
  const text = describe(scenario, results, goal, opponent)
  if (own === null || other === null) return { goal: text, value: null, met: false }
  const value = other === undefined ? judged(own, goal) : own.median / other.median
  const met = goal.atMost === undefined ? value >= goal.atLeast : value <= goal.atMost
  const rounds = other === undefined ? [] : own.values.slice(0, other.values.length).map((figure, round) => figure / other.values[round])
  return { goal: text, value, ratio: other !== undefined, rounds, met }
}

/** Only goals whose contenders took part: of a list, one is enough, if it has a figure. */
function isJudgeable(results, { of, to, metric, toMetric = metric }) {
  if (!(of in results)) return false
  if (Array.isArray(to)) return to.some((key) => figureOf(results, key, toMetric) !== null)
  return to === undefined || to in results
}

export function judgeGoals(scenario, results) {
  return scenario.goals.filter((goal) => isJudgeable(results, goal)).map((goal) => judge(scenario, results, goal))
}
