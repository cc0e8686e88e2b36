// Writes docs/options.md from the defaults of the built library. With --check it only compares, and fails when the page has drifted.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BROKER_DEFAULTS } from '../dist/backends/broker/options.js'
import { POSTGRES_DEFAULTS } from '../dist/backends/postgres/options.js'
import { RABBITMQ_DEFAULTS } from '../dist/backends/rabbitmq/options.js'
import { SQLITE_DEFAULTS } from '../dist/backends/sqlite/options.js'
import { SQS_DEFAULTS } from '../dist/backends/sqs/options.js'
import { formatDuration } from '../dist/core/duration.js'
import { DEFAULTS } from '../dist/core/options.js'
import { root } from './lib/setup.mjs'

const PAGE = join(root, 'docs/options.md')

/** Per group of DEFAULTS: a heading, a sentence, and per name what it means. `where` is how a user sets it; without it the value is fixed. */
const GROUPS = {
  job: {
    title: 'Jobs',
    text: 'Set in `defineJob({ … })`. Some of them `enqueue` can override: see the table above.',
    options: {
      queue: { where: 'queue', means: 'The line the job waits in.' },
      priority: {
        where: 'priority',
        means: 'Lines within a queue: `critical`, `high`, `normal`, `low`, `bulk`. The more urgent one is always taken first.',
      },
      version: { where: 'version', means: 'Version of the payload. A worker takes only versions up to its own.' },
      maxAttempts: { where: 'maxAttempts', means: 'Runs that count, the first one included. From 1 to 1,000. 1 means: at most one start.' },
      'backoff.firstMs': { where: 'backoff.first', means: 'Wait after the first failed attempt, before jitter.' },
      'backoff.factor': { where: 'backoff.factor', means: 'Each further wait is this many times longer. From 1 to 100.' },
      'backoff.maxMs': { where: 'backoff.max', means: 'No wait is longer.' },
      'backoff.jitter': {
        where: 'backoff.jitter',
        means: '`full`: anywhere from 0 to the wait. `equal`: from half of it to all of it. `none`: exactly the wait.',
      },
      timeoutMs: { where: 'timeout', means: 'Time for one attempt. `never` is allowed: then a hung handler holds its job until its process ends.' },
      completedRetentionMs: { where: 'retention.completed', means: 'How long completed jobs stay in the store.' },
      failedRetentionMs: {
        where: 'retention.failed',
        means:
          'How long failed and cancelled jobs stay. Jobs ended by rescue or by expiry, and waiting jobs that are cancelled, stay for the default time.',
      },
      retryAfterMaxMs: { means: 'Longest wait that a `Retry-After` is granted.' },
      crashesAloneMax: { means: 'A suspect whose process dies this many times while it runs alone is `failed`.' },
    },
  },
  enqueue: {
    title: 'Enqueueing',
    text: 'Set in `new Kerja({ … })`, or fixed.',
    options: {
      timeoutMs: {
        where: 'enqueueTimeout',
        means: 'How long `enqueue` waits for the confirmation of the store. Then `ENQUEUE_TIMEOUT`.',
      },
      timeoutMaxMs: { means: 'Most that `enqueueTimeout` may be. The least is 1 ms.' },
      idempotencyTtlMs: { means: 'How long an idempotency key stands for its job.' },
      pendingJobsMax: {
        means: 'Most jobs of one process that wait for their write. A further `enqueue` throws `ENQUEUE_OVERLOAD`; `enqueueMany` waits instead.',
      },
      batchJobsMax: { means: 'Most jobs in one write of concurrent `enqueue` calls.' },
      batchCharactersMax: { means: 'Most characters of payload in one write. A single larger job is written alone.' },
      batchesInFlightMax: { means: 'Most writes of one process under way at a time.' },
      sliceJobsMax: { means: 'Jobs that `enqueueMany` validates and writes at a time.' },
      turnMs: { means: 'How long `enqueueMany` holds the event loop before other work gets a turn.' },
    },
  },
  payload: {
    title: 'Payloads and results',
    text: 'Fixed.',
    options: {
      bytesMax: { means: 'Largest encoded payload or result, in UTF-8 bytes.' },
      depthMax: { means: 'Most objects and arrays inside one another.' },
    },
  },
  worker: {
    title: 'Workers',
    text: 'Set in `kerja.worker({ … })`, or fixed.',
    options: {
      concurrency: { where: 'concurrency', means: 'Jobs that run at a time in this worker.' },
      concurrencyMax: { means: 'Most that `concurrency` may be.' },
      shutdownGraceMs: { where: 'shutdownGrace', means: 'From the stop signal until what still runs is aborted.' },
      abortGraceMs: { means: 'From that abort until the jobs are given back. Each of the last writes has this long, too.' },
      heartbeatMs: { means: 'How often a worker renews its leases.' },
      leaseMs: { means: 'A worker without a heartbeat for this long is dead.' },
      leaseGraceMs: { means: 'Added to the timeout of an attempt before the store takes the job away from a worker that lives.' },
      pollMs: { means: 'Longest sleep between two looks for work.' },
      prefetchRunMsMax: {
        means: 'A worker of 8 slots or more claims ahead as many rounds of slots as it runs in this time, by the mean of its handlers.',
      },
      prefetchRoundsMax: { means: 'Most rounds of slots claimed ahead.' },
      prefetchJobsMax: { means: 'Most jobs claimed ahead.' },
      prefetchWaitMs: { means: 'A job claimed ahead that has waited this long for a slot is given back.' },
      retryFirstMs: { means: 'First wait after a failed call to the store. It doubles each time.' },
      retryMaxMs: { means: 'Longest wait after a failed call to the store.' },
      overrunsMax: {
        means:
          'Handlers that ignore their timeout at the same time before the worker drains and exits with code 1. With a lower `concurrency`: all of them.',
      },
      suspectDrainMs: { means: 'Longest pause of normal work to become empty for a suspect.' },
      recordMs: { means: 'Progress and log lines are collected for this long, then written together.' },
      logLinesMax: { means: 'Log lines kept per job. The oldest make room.' },
      logLineCharactersMax: { means: 'Longest log line. The rest is cut off.' },
    },
  },
  maintenance: {
    title: 'Background duties of workers',
    text: 'Fixed. Rescue is done by every worker, the others by one at a time.',
    options: {
      rescueMs: { means: 'How often each worker looks for dead workers and for leases that ran out.' },
      rescueJobsMax: { means: 'Most jobs rescued at once.' },
      expireMs: { means: 'How often jobs past `startWithin` or `giveUpAfter` are ended.' },
      pruneMs: { means: 'How often jobs past their retention are deleted.' },
      batchJobsMax: { means: 'Most jobs expired or deleted in one write.' },
      leaderTtlMs: { means: 'How long a leader leads without renewing.' },
      scheduleMs: { means: 'How often due schedules are looked for.' },
      schedulesMax: { means: 'Most schedules fired at once.' },
      ticksMax: { means: "Most ticks of one schedule made into jobs at once, with `missed: 'all'`." },
    },
  },
  forwarder: {
    title: 'Moving',
    text: 'Fixed. See [moving](guides/moving.md).',
    options: {
      batchJobs: { means: 'Jobs carried in one batch.' },
      batchCharactersMax: { means: 'Most characters of payloads and results in one batch. A single larger job goes alone.' },
      batchesInFlightMax: { means: 'Most batches under way at a time.' },
      pageKeys: { means: 'Idempotency keys carried in one call.' },
      lookMs: { means: 'Between two looks at jobs that others still hold or run.' },
      outageMs: { means: 'How long `kerja move` waits for a store that is away before it ends.' },
    },
  },
  spool: {
    title: 'Spool',
    text: 'Set in `new Kerja({ spool: { path, … } })`, or fixed. See [spool](guides/spool.md).',
    options: {
      mode: { where: 'spool.mode', means: '`outage`: jobs go to the spool while the backend is away. `always`: every job goes there first.' },
      bytesMax: {
        where: 'spool.maxBytes',
        means: 'What all files of the folder may take, those that were set aside too. More is refused with `SPOOL_FULL`.',
      },
      bytesMaxMin: { means: 'Least that `spool.maxBytes` may be.' },
      fileBytesMax: { means: 'A file of this size is followed by another; of a sixteenth of `spool.maxBytes`, when that is less.' },
      writeJobsMax: { means: 'Most jobs in one write.' },
      batchJobs: { means: 'Jobs drained into the backend at a time.' },
      batchBytes: { means: 'Most bytes drained at a time. A single larger job goes alone.' },
      lookMs: { means: 'How often a process looks for what dead ones left, and shows that it lives.' },
      staleMs: { means: 'A file that nobody has touched for this long is adopted by another process.' },
      closeMs: { means: 'How long `close` goes on draining while the backend answers.' },
    },
  },
  schedule: {
    title: 'Schedules',
    text: 'Fixed.',
    options: {
      everyMinMs: { means: 'Least that `every` may be.' },
      missedToleranceMs: { means: "With `missed: 'skip'`, a tick at most this late still counts as on time." },
      cronCharactersMax: { means: 'Longest cron expression.' },
      timeZoneCharactersMax: { means: 'Longest name of a time zone.' },
    },
  },
  failure: {
    title: 'What is kept of an error',
    text: 'Fixed. What is longer is cut off.',
    options: {
      nameCharactersMax: { means: 'Longest name and code.' },
      messageCharactersMax: { means: 'Longest message.' },
      stackCharactersMax: { means: 'Longest stack, those of its causes included.' },
      causesMax: { means: 'Most causes behind one another.' },
      aggregatedMax: { means: 'Most errors of an `AggregateError`.' },
    },
  },
  ledger: {
    title: 'Lists and counts',
    text: 'Fixed, except where a call takes a `limit`.',
    options: {
      pageJobs: { where: 'limit', means: 'Jobs on a page of `kerja.jobs.list`.' },
      pageJobsMax: { means: 'Most that `limit` may be.' },
      changeJobsMax: { means: 'Ids of `retry`, `cancel` and `delete` in one write. More become several writes.' },
      countCap: { means: 'Counts stop here: a count equal to it means «or more».' },
      statsWindowMs: { means: 'What `recent` of `kerja.queues.stats` looks back on.' },
    },
  },
  watch: {
    title: 'Waiting for results',
    text: 'Set in `kerja.result(job, id, { … })`, or fixed.',
    options: {
      pollMs: { means: 'How often `result` and `watch` look when no hint comes.' },
      hintGapMs: { means: 'Least time between two looks, however many hints come.' },
      readJobsMax: { means: 'Most jobs in one read.' },
      resultTimeoutMs: { where: 'timeout', means: 'How long `kerja.result` waits for the job to end. Then `RESULT_TIMEOUT`.' },
    },
  },
  names: {
    title: 'Names, keys and tags',
    text: 'Fixed.',
    options: {
      charactersMax: { means: 'Longest name of a kind, queue, schedule or worker.' },
      keyCharactersMax: { means: 'Longest idempotency key, unique key, group or tag.' },
      tagsMax: { means: 'Most tags of a job.' },
      reasonCharactersMax: { means: 'Longest reason given to `kerja.jobs.cancel`, `ctx.cancel` or `ctx.fail`. The rest is cut off.' },
    },
  },
}

const SQLITE = {
  title: 'The SQLite backend',
  text: 'Set in `sqlite({ … })` from `kerja/sqlite`, or in the URL: `sqlite:jobs.db?synchronous=normal`.',
  options: {
    synchronous: {
      where: 'synchronous',
      means: '`full`: a stored job survives a power cut. `normal`: faster; a power cut may lose the last moments, never the file.',
    },
    lockTimeoutMs: { where: 'lockTimeout', means: 'How long to wait for the write of another process before `STORE_LOCKED`. At most a minute.' },
  },
}

const POSTGRES = {
  title: 'The PostgreSQL backend',
  text: 'Set in `postgres({ … })` from `kerja/postgres`, or in the URL: `postgres://…/app?schema=jobs`. See the [guide](guides/postgresql.md).',
  options: {
    schema: { where: 'schema', means: 'The schema of the tables of Kerja, made when missing. Two schemas are two stores.' },
    connections: {
      where: 'connections',
      means: 'Connections of this process for work, at most. From 2 to 100. One more listens, and the lease thread of each worker has its own.',
    },
    listen: { where: 'listen', means: 'Whether to LISTEN for wake-ups of other processes. `false`: polling alone, once a second.' },
    callTimeoutMs: { where: 'callTimeout', means: 'How long a call may take before its connection is given up as dead. From 1s to 10m.' },
  },
}

const BROKER = {
  title: 'A broker with a state',
  text: 'Set in `rabbitmq({ … })` from `kerja/rabbitmq` or `sqs({ … })` from `kerja/sqs`. See [choosing a backend](guides/choosing-a-backend.md).',
  options: {
    heldMax: {
      where: 'heldMax',
      means: 'So many due jobs of a queue that nobody runs may wait in the state; then the rest of the queue stays in the broker. From 1,000.',
    },
  },
}

const RABBITMQ = {
  title: 'The RabbitMQ backend',
  text: 'Set in `rabbitmq({ … })` from `kerja/rabbitmq`, or in the URL: `amqp://…/jobs?prefix=shop`. See the [guide](guides/rabbitmq.md).',
  options: {
    prefix: { where: 'prefix', means: 'Which Kerja of the virtual host: part of the name of every queue. 1 to 32 of `A-Z a-z 0-9 _ -`.' },
    prefetch: { where: 'prefetch', means: 'With a state: messages that the broker hands out ahead, for each queue and priority. From 1 to 2,000.' },
    callTimeoutMs: { where: 'callTimeout', means: 'How long the broker may take for one call. From 1s to 10m.' },
  },
}

const SQS = {
  title: 'The SQS backend',
  text: 'Set in `sqs({ … })` from `kerja/sqs`, or in the URL: `sqs://eu-west-1/shop?create=false`. See the [guide](guides/sqs.md).',
  options: {
    prefix: { where: 'prefix', means: 'What the names of the queues begin with. 1 to 40 letters, digits and `_`. In the URL: the path.' },
    create: { where: 'create', means: 'Whether queues that are missing are created.' },
    fifo: { where: 'fifo', means: 'FIFO queues. The same for all processes. Needs a state.' },
    visibilityMs: { where: 'visibilityTimeout', means: 'How long a message of a process that died stays hidden from others. From 5s to 12h.' },
    callTimeoutMs: { where: 'callTimeout', means: 'How long a call goes on trying. From 1s to 10m.' },
  },
}

/** Options without a value in the defaults. */
const WITHOUT_DEFAULT = `
These have no value by default:

| Option | Where | Meaning |
| --- | --- | --- |
| \`giveUpAfter\` | \`defineJob\`, \`enqueue\` | Time for all attempts together, from the enqueue. Passed: \`failed\` with reason \`gave-up\`. |
| \`startWithin\` | \`enqueue\` | Not started within this: \`cancelled\` with reason \`expired\`. |
| \`backend\` | \`new Kerja\` | A URL or a backend; \`KERJA_URL\` overrides it only where it came through \`defineConfig\`. Without it: \`KERJA_URL\`, then \`kerja.db\` beside the nearest \`package.json\`. With \`NODE_ENV=production\` there is no such file: \`BACKEND_REQUIRED\`. |
| \`logger\` | \`new Kerja\` | \`'debug'\`, \`'info'\`, \`'warn'\`, \`'error'\`, \`'silent'\`, or an object with \`debug\`, \`info\`, \`warn\` and \`error\`. When that throws, its line goes to stderr. The level \`info\` is used otherwise. |
| \`queues\` | \`kerja.worker\` | Queues that may use only a part of the concurrency. |
| \`alsoServe\` | \`kerja.worker\` | Queues served beside those that the handlers name. |
| \`driver\` | \`sqlite\` | \`node:sqlite\` or \`better-sqlite3\`. Without it: the first safe one, in this order. |
| \`allowUnsafeSqlite\` | \`sqlite\` | \`true\` accepts a SQLite version with the WAL-reset defect. |
| \`allowNetworkFilesystem\` | \`sqlite\` | \`true\` accepts a file on a network filesystem that one machine alone uses. |
| \`url\` | \`postgres\` | \`postgres://user:password@host:5432/database\`, with the query parameters of libpq. |
| \`ssl\` | \`postgres\` | Passed to TLS as it is, such as \`{ ca }\`. Without it: what the URL says. |
| \`logger\` | \`postgres\` | Gets one line when wake-ups do not arrive. \`new Kerja\` passes its own where the backend is a URL. |
| \`state\` | \`new Kerja\`, \`rabbitmq\`, \`sqs\` | The SQL store of a broker: a URL or a backend. Without it in \`new Kerja\`: \`KERJA_STATE_URL\`, which overrides it only where it came through \`defineConfig\`. Without either the broker works alone. |
| \`url\` | \`rabbitmq\` | \`amqp://user:password@host:5672/vhost\`, or \`amqps:\`. |
| \`tls\` | \`rabbitmq\` | Passed to TLS as it is, such as \`{ ca }\`. |
| \`deliveryTimeout\` | \`rabbitmq\`, without a state | The \`consumer_timeout\` of the server: 30m without it, from 2m. No worker starts with a job whose timeout is longer than this less one minute. |
| \`region\`, \`endpoint\`, \`credentials\` | \`sqs\` | Without them: what the AWS SDK finds. In the URL: the host, \`?endpoint=\`; credentials never. |
| \`logger\` | \`rabbitmq\`, \`sqs\` | Told when the broker goes, comes back, or takes no messages, and of messages set aside. \`new Kerja\` passes its own where the backend is a URL. |
`

const INTRO = `# Options, defaults and limits

Written by \`node scripts/write-options-doc.mjs\` from \`src/core/options.ts\`. A test fails when the two differ.

Durations are text such as \`'250ms'\`, \`'30s'\`, \`'1h30m'\` or \`'2d'\`, or a number of milliseconds. An unknown option is an error (\`OPTION_UNKNOWN\`) that
names the nearest known one.

## Which value holds

The first one given holds, from left to right: \`enqueue\`, then the definition, then the default.

| Option | In \`enqueue\` | In \`defineJob\` | Fixed when |
| --- | --- | --- | --- |
| \`queue\` | yes | yes | at enqueue |
| \`priority\` | yes | yes | at enqueue; \`kerja.jobs.update\` changes it |
| \`maxAttempts\` | yes | yes | at enqueue; \`kerja.jobs.update\` changes it |
| \`giveUpAfter\` | yes | yes | at enqueue |
| \`group\` | yes, a text | yes, a function of the payload | at enqueue |
| \`unique.key\`, \`unique.while\` | no | yes | at enqueue |
| \`unique.whenTaken\`, \`unique.debounce\` | no | yes | they rule the enqueue itself |
| \`version\` | no | yes | at enqueue |
| \`delay\`, \`runAt\` | yes, one of them | no | at enqueue; \`kerja.jobs.update\` changes it |
| \`startWithin\`, \`idempotencyKey\`, \`id\` | yes | no | at enqueue |
| \`tags\` | yes | no | at enqueue; \`kerja.jobs.update\` changes it |
| \`timeout\` | no | yes | read at each claim, from the definition of the worker |
| \`backoff\`, \`onError\` | no | yes (\`onError\` in \`handle\`) | read when an attempt fails, from the worker |
| \`retention\` | no | yes | read when the job ends, from the worker |
| \`payload\`, \`upgrade\` | no | yes | checked at enqueue by the producer, parsed again at each run by the worker |

So a deploy of new workers changes timeouts, waits and retention of jobs that are stored already. It does not change their queue, priority, attempts,
keys or run time.

The command line has an order of its own for the backend: \`--backend\`, then \`KERJA_URL\`, then the configuration file, then the default file.
\`new Kerja(config)\` with what \`defineConfig\` returned does the same without the flag. What code says itself, \`new Kerja({ backend })\`, \`KERJA_URL\` does not override.
`

const COUNT = new Intl.NumberFormat('en-US')
const UNITS = [
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['bytes', 1],
]

function show(name, value) {
  if (typeof value === 'string') return `\`'${value}'\``
  if (typeof value === 'boolean') return `\`${value}\``
  if (/Ms$/.test(name)) return formatDuration(value)
  if (/[bB]ytes/.test(name)) {
    const [unit, size] = UNITS.find(([, each]) => value % each === 0)
    return `${COUNT.format(value / size)} ${unit}`
  }
  return COUNT.format(value)
}

function leaves(object, prefix = '') {
  return Object.entries(object).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null ? leaves(value, `${prefix}${name}.`) : [[prefix + name, value]],
  )
}

/** One table. A default without words, or words without a default, is an error: that is how a new one gets here. */
function section(defaults, { title, text, options }, source) {
  const found = leaves(defaults)
  const names = found.map(([name]) => name)
  const wordless = names.filter((name) => options[name] === undefined)
  const strays = Object.keys(options).filter((name) => !names.includes(name))
  if (wordless.length + strays.length > 0)
    throw new Error(`${source}: without words in scripts/write-options-doc.mjs: [${wordless}]; in there but no default: [${strays}]`)
  const rows = found.map(([name, value]) => {
    const { where, means } = options[name]
    return `| ${where === undefined ? '' : `\`${where}\``} | ${show(name, value)} | ${means} | \`${source}.${name}\` |`
  })
  return [`## ${title}`, '', text, '', '| Option | Default | Meaning | In the code |', '| --- | --- | --- | --- |', ...rows, ''].join('\n')
}

function render() {
  const unknown = Object.keys(DEFAULTS).filter((group) => GROUPS[group] === undefined)
  if (unknown.length > 0) throw new Error(`DEFAULTS has groups that scripts/write-options-doc.mjs does not know: ${unknown}`)
  const sections = Object.keys(GROUPS).map((group) => section(DEFAULTS[group], GROUPS[group], group))
  const backends = [
    section(SQLITE_DEFAULTS, SQLITE, 'SQLITE_DEFAULTS'),
    section(POSTGRES_DEFAULTS, POSTGRES, 'POSTGRES_DEFAULTS'),
    section(BROKER_DEFAULTS, BROKER, 'BROKER_DEFAULTS'),
    section(RABBITMQ_DEFAULTS, RABBITMQ, 'RABBITMQ_DEFAULTS'),
    section(SQS_DEFAULTS, SQS, 'SQS_DEFAULTS'),
  ]
  return `${[INTRO, ...sections, ...backends].join('\n')}${WITHOUT_DEFAULT}`
}

const page = render()
if (!process.argv.includes('--check')) writeFileSync(PAGE, page)
else if (readFileSync(PAGE, 'utf8') !== page) {
  console.error('docs/options.md differs from the defaults. Build, then run: node scripts/write-options-doc.mjs')
  process.exit(1)
}
