// Enqueues while the backend is away, then drains; killed by itself at the n-th step that touches the disk or the backend. Prints what was answered.
import { writeSync } from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const { path, store, killAt } = JSON.parse(process.argv[2])
let step = 0
/** Dies here when it is this step's turn. */
function reach() {
  step += 1
  if (step === killAt) process.kill(process.pid, 'SIGKILL')
  return step
}

const inSpool = (target) => typeof target !== 'string' || target.startsWith(path)
for (const name of ['mkdir', 'open', 'stat', 'lstat', 'readdir', 'rename', 'rm', 'writeFile', 'readFile', 'utimes']) {
  const real = promises[name]
  promises[name] = (target, ...rest) => {
    if (inSpool(target)) reach()
    return real(target, ...rest)
  }
}
const handle = await promises.open('/dev/null')
const prototype = Object.getPrototypeOf(handle)
await handle.close()
for (const name of ['write', 'datasync', 'sync', 'truncate']) {
  const real = prototype[name]
  prototype[name] = async function (...args) {
    // The write at which it dies is torn: half of it reaches the file.
    if (name === 'write' && step + 1 === killAt) await real.call(this, args[0], args[1], Math.floor(args[0].length / 2))
    reach()
    return real.apply(this, args)
  }
}
syncBuiltinESMExports()

const { Kerja, KerjaError, defineJob, type } = await import('kerja')
const { sqlite } = await import('kerja/sqlite')
const job = defineJob({ kind: 'test.kill', payload: type() })
const real = sqlite(store)
let isAway = true
const backend = {
  ...real,
  queue: {
    ...real.queue,
    push: async (jobs) => {
      if (isAway) throw new KerjaError('BACKEND_UNAVAILABLE', 'away')
      return real.queue.push(jobs)
    },
  },
  transfer: {
    ...real.transfer,
    accept: async (jobs) => {
      if (isAway) throw new KerjaError('BACKEND_UNAVAILABLE', 'away')
      reach()
      const results = await real.transfer.accept(jobs)
      reach()
      return results
    },
  },
}
const kerja = new Kerja({ backend, logger: 'silent', spool: { path, ephemeral: true } })
const say = (line) => writeSync(1, `${line}\n`)
for (let n = 0; n < 3; n += 1) {
  const id = `0199aaaa-0000-7000-8000-${String(process.pid).padStart(8, '0')}000${n}`
  say(`asked ${id}`)
  await kerja.enqueue(job, { n }, { id })
  say(`answered ${id}`)
}
// What is spooled keeps no process alive: it is for the next one too.
const alive = setInterval(() => undefined, 60_000)
const drained = kerja.events.once('spool.drained')
isAway = false
await drained
await kerja.close()
clearInterval(alive)
say(`steps ${step}`)
