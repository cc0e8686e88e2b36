/** Jobs claimed ahead by a worker of quick handlers: never run beyond the slots, never kept from others, never charged. */
import { defineJob, type } from 'kerja/define'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from '../support/backends.js'
import { gate, openStage, type Stage, turns } from '../support/stage.js'

const CONCURRENCY = 10
/** The slots, and eight rounds of them ahead. */
const HELD_MAX = 9 * CONCURRENCY
const quick = defineJob({ kind: 'test.quick', payload: type<object>() })
const slow = defineJob({ kind: 'test.slow', payload: type<object>(), maxAttempts: 2 })

/** Enough quick runs for the worker to claim ahead. */
async function warmUp(stage: Stage): Promise<void> {
  const receipts = await stage.kerja.enqueueMany(Array.from({ length: 600 }, () => quick.with({})))
  for (const { id } of receipts) await stage.ended(id)
}

describe.each(BACKENDS)('claiming ahead on $name', ({ open }) => {
  it('never runs more than its concurrency, nor holds more than it may claim ahead', async () => {
    const stage = openStage(open())
    const held: number[] = []
    let running = 0
    let most = 0
    const worker = await stage.start({
      concurrency: CONCURRENCY,
      handlers: [
        quick.handle(async () => {
          running += 1
          most = Math.max(most, running)
          // Longer than a claim takes, yet quick.
          await turns(2)
          held.push(worker.runningCount)
          running -= 1
        }),
      ],
    })
    await warmUp(stage)
    expect(Math.max(...held)).toBeLessThanOrEqual(HELD_MAX)
    expect(most).toBeLessThanOrEqual(CONCURRENCY)
    expect(stage.seen('job.started')).toHaveLength(600)
    expect(worker.runningCount).toBe(0)
  })

  it('what waits behind handlers that turn slow is given back, and runs elsewhere at no cost', async () => {
    const stage = openStage(open())
    const release = gate()
    const first = await stage.start({
      concurrency: CONCURRENCY,
      handlers: [quick.handle(() => undefined), slow.handle(() => release.opened)],
    })
    await warmUp(stage)
    const receipts = await stage.kerja.enqueueMany(Array.from({ length: 2 * HELD_MAX }, () => slow.with({})))
    await stage.until('job.released')
    expect(first.runningCount).toBeLessThanOrEqual(HELD_MAX)
    await stage.start({ concurrency: CONCURRENCY, handlers: [slow.handle(() => undefined)] })
    await stage.until('job.completed', undefined, 600 + HELD_MAX)
    release.open()
    for (const { id } of receipts) {
      expect(await stage.ended(id)).toMatchObject({ state: 'completed', attempt: 1, crashCount: 0 })
      expect(stage.seen('job.started', id)).toHaveLength(1)
    }
  })

  it('a stop gives back what waits, un-run', async () => {
    const stage = openStage(open())
    const blocked = gate()
    const worker = await stage.start({
      concurrency: CONCURRENCY,
      shutdownGrace: '10s',
      handlers: [
        quick.handle(() => undefined),
        slow.handle(async () => {
          blocked.open()
          await turn.opened
        }),
      ],
    })
    const turn = gate()
    await warmUp(stage)
    await stage.kerja.enqueueMany(Array.from({ length: 2 * HELD_MAX }, () => slow.with({})))
    await blocked.opened
    const stopped = worker.stop()
    turn.open()
    await stopped
    const { jobs } = await stage.kerja.jobs.list({ kind: slow.kind })
    const started = new Set(stage.seen('job.started').map(({ id }) => id))
    expect(started.size).toBeLessThanOrEqual(600 + CONCURRENCY)
    for (const { id, state, attempt, crashCount } of jobs) {
      expect([state, attempt, crashCount]).toEqual(started.has(id) ? ['completed', 1, 0] : ['available', 0, 0])
    }
  })
})
