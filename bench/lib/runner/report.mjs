/** The results as Markdown. */
const FACTS = {
  date: 'Date',
  machine: 'Machine',
  load: 'Load average before the start',
  node: 'Node',
  sqlite: 'SQLite',
  postgres: 'PostgreSQL',
  rabbitmq: 'RabbitMQ',
  kerja: 'Kerja',
  peers: 'Peers',
  command: 'Command',
  rounds: 'Rounds',
}

const number = (value, digits) => value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })

export function formatFigure(figure, { digits }) {
  if (figure === null) return 'failed'
  if (figure === undefined) return '–'
  const middle = number(figure.median, digits)
  return figure.values.length === 1 ? middle : `${middle} [${number(figure.min, digits)}..${number(figure.max, digits)}]`
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function formatGoal({ goal, value, ratio, rounds, met }) {
  if (value === null) return [goal, 'not measured', '**no**']
  const range = rounds.length > 1 ? ` [${number(Math.min(...rounds), 2)}..${number(Math.max(...rounds), 2)}]` : ''
  return [goal, ratio ? `${number(value, 2)} ×${range}` : number(value, 2), met ? 'yes' : '**no**']
}

export function renderScenario({ title, about, metrics, results, goals }) {
  const head = ['', ...Object.values(metrics).map(({ label }) => label), 'durability']
  const rows = Object.values(results).map(({ label, durability, figures }) => [
    label,
    ...Object.entries(metrics).map(([metric, format]) => formatFigure(figures[metric], format)),
    durability,
  ])
  const judged = goals.length === 0 ? [] : [table(['goal', 'measured', 'met'], goals.map(formatGoal))]
  return [`## ${title}`, about, table(head, rows), ...judged].join('\n\n')
}

export function renderFacts(facts) {
  return Object.entries(FACTS)
    .filter(([key]) => key in facts)
    .map(([key, label]) => `- ${label}: ${facts[key]}`)
    .join('\n')
}

/** `picture` is a line that shows the chart, where there is one. */
export function renderPage({ facts, scenarios }, suite, picture = []) {
  const parts = [...suite.head, renderFacts(facts), ...picture, suite.note, ...scenarios.map(renderScenario)]
  return `${parts.join('\n\n')}\n`
}
