/** The results as Markdown. */
const FACTS = {
  date: 'Date',
  machine: 'Machine',
  load: 'Load average before the start',
  node: 'Node',
  sqlite: 'SQLite',
  kerja: 'Kerja',
  peers: 'Peers',
  command: 'Command',
  rounds: 'Rounds',
}

const number = (value, digits) => value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })

export function formatFigure(figure, { digits }) {
  if (figure === null) return 'failed'
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
    .map(([key, label]) => `- ${label}: ${facts[key]}`)
    .join('\n')
}

export function renderPage({ facts, scenarios }) {
  const head = [
    '# Benchmarks',
    'Written by `npm run bench`: run it again instead of editing this page. How it measures: `bench/README.md`.',
    renderFacts(facts),
    'Figures are medians with `[min..max]` over the rounds; a ratio is that of the two medians, with its range over the rounds. ' +
      'Only figures of one table were measured side by side: compare within a table, not between machines or days.',
  ]
  return `${[...head, ...scenarios.map(renderScenario)].join('\n\n')}\n`
}
