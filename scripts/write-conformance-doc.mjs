// Writes docs/conformance.md from what the last test run has shown (build/conformance). With --check it only compares, and fails when the page says
// something else: `npm test` ends with that.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { capabilityTable } from '../dist/testing/conformance/index.js'
import { root } from './lib/setup.mjs'

const PAGE = join(root, 'docs/conformance.md')
/** The columns. Each is written by its file in test/conformance. */
const BACKENDS = ['sqlite', 'postgres', 'postgres-newest', 'memory', 'rabbitmq-postgres', 'rabbitmq-alone', 'sqs-postgres', 'sqs-alone']

function readReport(name) {
  const path = join(root, 'build/conformance', `${name}.json`)
  if (existsSync(path)) return lastTries(JSON.parse(readFileSync(path, 'utf8')))
  console.error(`${path} is missing: the conformance suite was not run on ${name}. Run npx vitest run test/conformance first.`)
  process.exit(1)
}

/** A case that vitest tried again, which its output says, counts as it ended: servers of the machine are busy with others too. */
function lastTries(report) {
  const byCase = new Map(report.results.map((result) => [`${result.topic}: ${result.title}`, result]))
  return { ...report, results: [...byCase.values()] }
}

/** How many cases of each topic have passed. */
function topicTable(reports) {
  const topics = [...new Set(reports.flatMap(({ results }) => results.map(({ topic }) => topic)))]
  const cell = ({ results }, topic) => {
    const own = results.filter((result) => result.topic === topic)
    const passed = own.filter((result) => result.passed).length
    return passed === own.length ? String(passed) : `${passed} of ${own.length}: broken`
  }
  const rows = topics.map((topic) => `| ${topic} | ${reports.map((report) => cell(report, topic)).join(' | ')} |`)
  const sum = (report) => report.results.filter(({ passed }) => passed).length
  return [
    `| cases of | ${reports.map(({ name }) => name).join(' | ')} |`,
    `|---|${'---|'.repeat(reports.length)}`,
    ...rows,
    `| all | ${reports.map(sum).join(' | ')} |`,
  ].join('\n')
}

const reports = BACKENDS.map(readReport)
const page = `<!-- Written by scripts/write-conformance-doc.mjs from a test run. Change the backends or the suite, not this page. -->

# Conformance

One suite, published as \`kerja/testing/conformance\`, is run on every backend. What a backend declares in its \`capabilities\` is proven by cases, and what it
lacks by cases that ask for it and must be refused with \`UNSUPPORTED\`. \`npm test\` runs it and fails when this page says something else than the run has shown.

\`postgres\` is the server that the tests find on the machine, \`postgres-newest\` the newest major that npm has, which a cluster of the tests' own runs.
Both are one backend, so the columns are to be the same. Brokers with SQLite as their state are run by \`npm run test:brokers\`.

## Capabilities

${capabilityTable(reports)}

What each means is in [the contract](backend-contract.md).

## Cases

${topicTable(reports)}

Beside the suite, random histories are compared with a model (\`test/model/\`), and processes and servers are killed while jobs flow
(\`npm run test:chaos -- --backend sqlite\`, \`postgres\`, \`rabbitmq\` or \`sqs\`, \`npm run test:hosts\`).
`

if (!process.argv.includes('--check')) writeFileSync(PAGE, page)
else if (!existsSync(PAGE) || readFileSync(PAGE, 'utf8') !== page) {
  console.error('docs/conformance.md is not what this run has shown. Run node scripts/write-conformance-doc.mjs and read the difference.')
  process.exit(1)
}
