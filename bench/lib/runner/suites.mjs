/** What can be run: which scenarios, and where their results go. */
import { fileURLToPath } from 'node:url'
import { describeBrokers, describeEmbedded, describePeers } from './machine.mjs'

const path = (relative) => fileURLToPath(new URL(`../../../${relative}`, import.meta.url))

const RATIOS =
  'Figures are medians with `[min..max]` over the rounds; a ratio is that of the two medians, with its range over the rounds. ' +
  'Only figures of one table were measured side by side: compare within a table, not between machines or days.'

export const SUITES = {
  embedded: {
    folder: '',
    scenarios: [
      'enqueue-many-callers',
      'enqueue-one-caller',
      'enqueue-bulk',
      'drain',
      'produce-and-drain',
      'latency-one-process',
      'latency-two-processes',
      'event-loop',
      'spool',
      'backlog',
      'memory',
      'failover',
    ],
    describe: describeEmbedded,
    results: 'latest.json',
    page: path('docs/benchmarks.md'),
    head: [
      '# Benchmarks',
      'Written by `npm run bench`: run it again instead of editing this page. How it measures: `bench/README.md`. ' +
        'Kerja on PostgreSQL beside pg-boss, graphile-worker and BullMQ: [benchmarks-postgres.md](benchmarks-postgres.md).',
    ],
    note: RATIOS,
  },
  peers: {
    folder: 'peers/',
    scenarios: [
      'enqueue-many-callers',
      'enqueue-one-caller',
      'enqueue-bulk',
      'drain',
      'produce-and-drain',
      'latency-two-processes',
      'backlog',
      'idle-beside-scheduled',
      'held-snapshot',
      'spool-drain',
    ],
    describe: describePeers,
    results: 'peers.json',
    page: path('docs/benchmarks-postgres.md'),
    chart: path('docs/benchmarks-postgres.svg'),
    head: [
      '# Benchmarks on PostgreSQL',
      'Written by `npm run bench -- peers`: run it again instead of editing this page. How it measures, and the settings of each peer: `bench/README.md`. ' +
        'Kerja on SQLite: [benchmarks.md](benchmarks.md).',
    ],
    note: `${RATIOS} CPU of the server counts all its processes; WAL is the write-ahead log that the server wrote, whoever caused it.`,
  },
  brokers: {
    folder: 'brokers/',
    scenarios: ['enqueue-many-callers', 'drain', 'latency-two-processes'],
    describe: describeBrokers,
    results: 'brokers.json',
    page: path('docs/benchmarks-brokers.md'),
    head: [
      '# Benchmarks on RabbitMQ',
      'Written by `npm run bench -- brokers`: run it again instead of editing this page. How it measures: `bench/README.md`.',
    ],
    note: RATIOS,
  },
}
