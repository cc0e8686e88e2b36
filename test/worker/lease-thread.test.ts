/** Who renews leases beside the main thread, a thread of its own or one of the backend: when it dies, or beats are asked for between times. */
import type { Backend, HeartbeatSource } from 'kerja/backend'
import { defineJob, type } from 'kerja/define'
import { memory } from 'kerja/memory'
import { sqlite } from 'kerja/sqlite'
import { describe, expect, it } from 'vitest'
// As built: a thread runs no TypeScript.
import { createLeaseKeeper } from '../../dist/lease/lease-keeper.js'
import { temporaryStore } from '../support/backends.js'
import { withQueue } from '../support/faults.js'
import { aborted, openStage } from '../support/stage.js'

type ThreadSource = Extract<HeartbeatSource, { readonly kind: 'thread' }>

const job = defineJob({ kind: 'test.job', payload: type<object>() })
const module = new URL('../support/scripted-heartbeat.mjs', import.meta.url).href

/** Counts beats and says after how many the thread ends, over all threads of the test. */
function script(endAfter: number) {
  const buffer = new SharedArrayBuffer(8)
  const cells = new Int32Array(buffer)
  cells[1] = endAfter
  return { config: { buffer }, beatCount: () => Atomics.load(cells, 0) }
}

/** A source that is renewed by a thread of its own, and the same for the engine thread of SQLite. */
const BACKENDS: readonly { readonly name: string; readonly open: (heartbeat: { readonly module: string; readonly config: unknown }) => Backend }[] = [
  { name: 'a thread of its own', open: (source) => withQueue(memory(), () => ({ heartbeat: { kind: 'thread', ...source } })) },
  {
    name: 'the engine thread of SQLite',
    open: (source) => withQueue(sqlite(temporaryStore()), ({ heartbeat }) => ({ heartbeat: { ...(heartbeat as ThreadSource), ...source } })),
  },
]

describe.each(BACKENDS)('leases that are renewed by $name', ({ open }) => {
  it('when it dies the worker aborts its handlers, registers anew and goes on', async () => {
    const { config } = script(1)
    const stage = openStage(open({ module, config }))
    const reasons: unknown[] = []
    const worker = await stage.work(
      job.handle(async (_payload, { signal }) => {
        if (reasons.length > 0) return
        reasons.push((await aborted(signal)).code)
        signal.throwIfAborted()
      }),
    )
    const formerId = worker.id
    const { id } = await stage.kerja.enqueue(job, {})
    expect(await stage.ended(id)).toMatchObject({ state: 'completed', attempt: 1 })
    expect(reasons).toEqual(['LEASE_LOST'])
    expect(worker.id).not.toBe(formerId)
  })

  it('a module that cannot be loaded fails the start', async () => {
    const stage = openStage(open({ module: 'file:///nowhere.mjs', config: {} }))
    const worker = stage.kerja.worker({ handlers: [job.handle(() => undefined)] })
    await expect(worker.start()).rejects.toThrow('nowhere')
    expect(worker.state).toBe('stopped')
    expect(await stage.kerja.workers.list()).toEqual([])
  })
})

describe('the lease thread', () => {
  it('a beat that is asked for does not start a second chain of beats', async () => {
    const { config, beatCount } = script(0)
    let onBeat: (() => void) | undefined
    const keeper = createLeaseKeeper({
      source: { kind: 'thread', module, config },
      workerId: 'worker',
      heartbeatMs: 50,
      leaseMs: 10_000,
      onBeat: () => onBeat?.(),
      onStale: () => undefined,
      onTrouble: () => undefined,
    })
    await keeper.start()
    for (let asked = 0; asked < 20; asked += 1) keeper.beatNow()
    const untilBeats = (count: number) =>
      new Promise<void>((resolve) => {
        onBeat = () => {
          if (beatCount() >= count) resolve()
        }
      })
    await untilBeats(21)
    const beganAt = performance.now()
    const from = beatCount()
    await untilBeats(from + 5)
    // Twenty-one chains would need a quarter of one interval.
    expect(performance.now() - beganAt).toBeGreaterThan(150)
    await keeper.stop()
  })
})
