/** Kerja with a local spool: its backend answers, or is away from the beginning. */
import { join } from 'node:path'
import { importKerja } from '../import-kerja.mjs'
import { makePayload } from '../payload.mjs'
import { spoil } from '../spoil.mjs'

const { Kerja } = await importKerja('kerja')
const { defineJob, type } = await importKerja('kerja/define')

const noop = defineJob({ kind: 'bench.noop', payload: type(), retention: { completed: '1h' } })

const folder = process.env.BENCH_STORE
const spool = { path: join(folder, 'spool') }
// Port 9 is `discard`: nobody listens, so a connection is refused at once.
const AWAY = 'postgres://127.0.0.1:9/nowhere'

export const withBackend = (backend) => new Kerja({ backend, spool })

const producerOf = (kerja, durability) => ({
  enqueue: async (payload, options) => {
    const receipt = await kerja.enqueue(noop, payload, options)
    if (receipt.durability !== durability) spoil(`a job was ${receipt.durability} where it was to be ${durability}`)
  },
  close: () => kerja.close(),
})

/** Whose backend answers. */
export const openHealthy = () => producerOf(withBackend(`sqlite:${join(folder, 'kerja.db')}`), 'queued')

/** Whose backend is away. The first job finds that out. */
export async function openAway() {
  const kerja = withBackend(AWAY)
  await kerja.enqueue(noop, makePayload(0))
  return producerOf(kerja, 'spooled')
}

/** Everything runs in the measured process. */
export const serverCpuSeconds = async () => 0
