// A worker in a process of its own: node worker-process.mjs '{"path":…,"mode":…}', or "postgres": its options. Says on stdout what the test waits for, a word a line.
import { Kerja } from 'kerja'
import { defineJob, type } from 'kerja/define'
import { postgres } from 'kerja/postgres'
import { sqlite } from 'kerja/sqlite'

const { path, postgres: store, mode, shutdownGrace = '10s' } = JSON.parse(process.argv[2])
const say = (word) => process.stdout.write(`${word}\n`)
const forever = () => new Promise(() => setInterval(() => undefined, 60_000))

const handlers = {
  /** Ends when its signal or the shutdown says so. */
  obedient: async (_payload, { signal }) => {
    say('running')
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    signal.throwIfAborted()
  },
  /** Ends shortly after the signal to stop arrives. */
  brisk: async () => {
    say('running')
    await new Promise((resolve) => process.once('SIGTERM', () => setImmediate(resolve)))
    say('ended')
  },
  deaf: () => {
    say('running')
    return forever()
  },
  exits: () => process.exit(3),
  throwsLater: () => {
    setImmediate(() => {
      throw new Error('uncaught')
    })
    return forever()
  },
}

const kerja = new Kerja({ backend: store === undefined ? sqlite(path) : postgres(store), logger: 'silent' })
const job = defineJob({ kind: 'test.job', payload: type() })
kerja.events.on('worker.started', () => say('started'))
await kerja.worker({ handlers: [job.handle(handlers[mode])], shutdownGrace }).run()
say('done')
