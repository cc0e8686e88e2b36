/** The figures of a run as bars in an SVG: one panel per scenario, each with its own scale. */
const PANELS = [
  { scenario: 'enqueue-many-callers', metric: 'rate' },
  { scenario: 'enqueue-one-caller', metric: 'rate' },
  { scenario: 'enqueue-bulk', metric: 'rate' },
  { scenario: 'drain', metric: 'rate' },
  { scenario: 'produce-and-drain', metric: 'rate' },
  { scenario: 'latency-two-processes', metric: 'p50', note: 'less is better' },
]
const COLUMNS = 2
const PANEL = { width: 470, padding: 16, title: 26, row: 22, bar: 14, label: 168, value: 70 }
const COLORS = { kerja: '#2563eb', raw: '#cbd5e1', peer: '#94a3b8' }

const escapeText = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
const text = (x, y, content, attributes = '') => `<text x="${x}" y="${y}" ${attributes}>${escapeText(content)}</text>`
const format = (value, digits) => value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })

/** Bars from the left, as long as their figure. */
function renderBars(bars, digits) {
  const longest = Math.max(...bars.map(({ value }) => value))
  const room = PANEL.width - PANEL.label - PANEL.value - 2 * PANEL.padding
  return bars.flatMap(({ key, label, value }, index) => {
    const y = PANEL.title + index * PANEL.row
    const length = Math.max(1, Math.round((value / longest) * room))
    const middle = y + PANEL.bar - 3
    return [
      text(PANEL.label - 8, middle, label, 'text-anchor="end"'),
      `<rect x="${PANEL.label}" y="${y}" width="${length}" height="${PANEL.bar}" rx="2" fill="${COLORS[key] ?? COLORS.peer}"/>`,
      text(PANEL.label + length + 6, middle, format(value, digits), `font-weight="${key === 'kerja' ? 700 : 400}"`),
    ]
  })
}

/** One panel at its place, or nothing when none of its figures was measured. */
function renderPanel({ title, metrics, results }, { metric, note }) {
  const bars = Object.entries(results)
    .filter(([, { figures }]) => figures[metric] != null)
    .map(([key, { label, figures }]) => ({ key, label, value: figures[metric].median }))
  if (bars.length === 0) return undefined
  const { label, digits } = metrics[metric]
  const heading = `${title} (${label}${note === undefined ? '' : `; ${note}`})`
  return { rows: bars.length, lines: [text(0, 12, heading, 'font-weight="700"'), ...renderBars(bars, digits)] }
}

export function renderChart({ facts, scenarios }) {
  const panels = PANELS.flatMap((panel) => {
    const scenario = scenarios.find(({ name }) => name.endsWith(`/${panel.scenario}`))
    return (scenario && renderPanel(scenario, panel)) ?? []
  })
  const height = PANEL.title + PANEL.row * Math.max(1, ...panels.map(({ rows }) => rows)) + PANEL.padding
  const placed = panels.map(({ lines }, index) => {
    const x = PANEL.padding + (index % COLUMNS) * PANEL.width
    const y = PANEL.padding + Math.floor(index / COLUMNS) * height
    return `<g transform="translate(${x} ${y})">\n${lines.join('\n')}\n</g>`
  })
  const width = COLUMNS * PANEL.width + 2 * PANEL.padding
  const rows = Math.ceil(panels.length / COLUMNS)
  const total = rows * height + 2 * PANEL.padding + PANEL.title
  const source = `${facts.date}, ${facts.machine}; PostgreSQL ${facts.postgres.split(' ')[0]}; medians; rounds: ${facts.rounds}`
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" width="${width}" height="${total}" font-family="system-ui, sans-serif" font-size="12" fill="#0f172a">`,
    `<title>Kerja on PostgreSQL beside other job systems</title>`,
    `<rect width="${width}" height="${total}" fill="#ffffff"/>`,
    ...placed,
    text(PANEL.padding, total - PANEL.padding, source, 'fill="#64748b"'),
    '</svg>',
  ].join('\n')}\n`
}
