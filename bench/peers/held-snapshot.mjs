/** Throughput while another session holds an old snapshot open, so that no dead row can be removed. */
import { wallClock } from '../lib/meters.mjs'
import { connect } from '../lib/postgres/server.mjs'
import { produceInBulk } from '../lib/produce.mjs'
import { startRole } from '../lib/role.mjs'
import { median } from '../lib/statistics.mjs'
import { graphile, kerja, pgBoss, raw, shareOf, withShare } from './contenders.mjs'

const CONCURRENCY = 100
// Three, so that one autovacuum does not decide.
const COMPARED_ROUNDS = 3
const PEER_ROUNDS_MAX = 1
// Enough to see the decline; the rest would take minutes.
const PEER_SHARE = 0.6

const held = (contender) => ({ ...contender, label: `${contender.label}, snapshot held`, isHeld: true })
const pairOf = (name, contender) => ({ [name]: contender, [`${name}Held`]: held(contender) })
const peer = (contender) => withShare({ ...contender, roundsMax: PEER_ROUNDS_MAX }, PEER_SHARE)

export const name = 'peers/held-snapshot'
export const title = 'A snapshot held open'
export const about =
  'Rounds of 20,000 jobs, each enqueued in bulk and drained by a worker process that stays, until 500,000 (peers: 300,000) have passed; ' +
  'meanwhile another session holds a REPEATABLE READ transaction that began before the first. Rates count enqueueing and draining; first and last are the ' +
  'medians of three rounds. Peers are measured once, by the end of their handlers.'
export const contenders = {
  ...pairOf('kerja', { ...kerja, roundsMax: 3 }),
  ...pairOf('raw', { ...raw, roundsMax: PEER_ROUNDS_MAX }),
  ...pairOf('graphile', peer(graphile)),
  ...pairOf('pgBoss', peer(pgBoss)),
}
export const sizes = { full: { rounds: 25, round: 20_000 }, quick: { rounds: 6, round: 5_000 } }
export const metrics = {
  first: { label: 'first rounds, jobs/s', digits: 0 },
  last: { label: 'last rounds, jobs/s', digits: 0 },
  kept: { label: 'last / first', digits: 2 },
}
export const goals = [
  { metric: 'last', of: 'kerjaHeld', to: 'kerja', atLeast: 0.8 },
  { metric: 'kept', of: 'kerjaHeld', atLeast: 0.8 },
]
export const timeoutMs = 600_000

export const roles = {
  async worker(parent, contender, { rounds, round }) {
    const system = await contenders[contender].load()
    const onProgress = (settled) => {
      if (settled % round === 0) parent.send('drained', wallClock())
    }
    await system.drain({ count: rounds * round, concurrency: CONCURRENCY, onProgress, onOpen: () => parent.send('ready') })
  },
}

/** A transaction that sees the database as it is now, until it is ended. */
async function holdSnapshot() {
  const client = await connect()
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  // The snapshot is taken by the first statement.
  await client.query('SELECT 1')
  return () => client.end()
}

export async function run(key, { rounds: fullRounds, round }) {
  const contender = contenders[key]
  const rounds = shareOf(contender, fullRounds)
  const producer = await (await contender.load()).openProducer()
  const worker = startRole(name, 'worker', [key, { rounds, round }])
  await worker.receive('ready')
  const release = contender.isHeld ? await holdSnapshot() : () => undefined
  const rates = []
  for (let index = 0; index < rounds; index += 1) {
    const startedAt = wallClock()
    await produceInBulk(producer, { count: round })
    const drainedAt = await worker.receive('drained')
    rates.push((round / (drainedAt - startedAt)) * 1000)
  }
  await worker.result
  await release()
  await producer.close()
  const first = median(rates.slice(0, COMPARED_ROUNDS))
  const last = median(rates.slice(-COMPARED_ROUNDS))
  return { first, last, kept: last / first }
}
