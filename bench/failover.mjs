/** A worker process is killed in the middle of a job while another one idles. */
import { bullmq, kerja } from './lib/contenders.mjs'
import { sleep, wallClock } from './lib/meters.mjs'
import { makePayload } from './lib/payload.mjs'
import { startRole } from './lib/role.mjs'

// The job is well under way and the standby has nothing left to do but wait.
const HELD_MS = { min: 1_000, max: 3_000 }

export const name = 'failover'
export const title = 'Failover: kill -9 of a worker in the middle of a job'
export const about =
  'From the kill of the process that runs the job to the start of its re-run in a second worker that idles beside it, with the defaults of each.'
// It takes 45 to 90 s: once is enough, and too long for a quick look.
export const contenders = { kerja, bullmq: { ...bullmq, roundsMax: 1, slow: true } }
export const sizes = { full: HELD_MS, quick: HELD_MS }
export const metrics = { seconds: { label: 'until the re-run starts, s', digits: 2 } }
export const goals = [{ metric: 'seconds', of: 'kerja', atMost: 2, worst: true }]

export const roles = {
  async worker(parent, contender) {
    const system = await contenders[contender].load()
    const handler = () => {
      parent.send('started', wallClock())
      // Longer than any measurement: only the kill ends it.
      return sleep(3_600_000)
    }
    await system.openWorker({ concurrency: 1, handler })
    parent.send('ready')
    await parent.receive('stop')
  },
}

async function startWorker(contender) {
  const worker = startRole(name, 'worker', [contender])
  await worker.receive('ready')
  return worker
}

export async function run(contender, heldMs) {
  const holder = await startWorker(contender)
  const producer = await (await contenders[contender].load()).openProducer()
  await producer.enqueue(makePayload(1))
  await holder.receive('started')
  const standby = await startWorker(contender)
  await sleep(heldMs.min + Math.random() * (heldMs.max - heldMs.min))
  const killedAt = wallClock()
  holder.kill()
  const restartedAt = await standby.receive('started')
  // Its handler never ends, so it is not asked to stop.
  standby.kill()
  return { seconds: (restartedAt - killedAt) / 1000 }
}
