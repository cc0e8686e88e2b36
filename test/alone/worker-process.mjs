// A worker on a broker without a state, in a process of its own: node worker-process.mjs '{"backend":"sqs","options":{…}}'. Tells its parent what happens.
import { Kerja } from 'kerja'
import { defineJob, type } from 'kerja/define'
import { rabbitmq } from 'kerja/rabbitmq'
import { sqs } from 'kerja/sqs'

const { backend, options } = JSON.parse(process.argv[2])
const kerja = new Kerja({ backend: backend === 'sqs' ? sqs(options) : rabbitmq(options), logger: 'error' })
const job = defineJob({ kind: 'test.long', payload: type() })
for (const event of ['worker.started', 'job.completed', 'job.lost', 'worker.trouble'])
  kerja.events.on(event, ({ attempt, token, error }) => process.send({ event, attempt, token, error: error?.message }))
const worker = kerja.worker({
  handlers: [
    job.handle(({ ms }) => {
      process.send({ event: 'running' })
      // Holds the thread like a long computation, without burning a core.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
    }),
  ],
})
await worker.start()
process.on('disconnect', () => process.exit())
