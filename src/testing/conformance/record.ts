/** Topic record: progress and log lines, written under a lease. */
import assert from 'node:assert/strict'
import type { LogLine } from '../../contract/index.js'
import { complete, leaseOf, retry, SECOND } from './build.js'
import { topic } from './suite.js'

const UNKNOWN = '01890000-0000-7000-8000-000000000000'
const line = (message: string): LogLine => ({ at: 1, level: 'info', message })

export const recordTopic = topic('record', ['ledger'], ({ check, where }) => {
  check('progress is recorded under the lease, with the store’s instant', async ({ ledger, pushOne, worker, job, clock }) => {
    const id = await pushOne()
    const claimed = await (await worker()).takeOne()
    clock.advance(SECOND)
    const write = { lease: leaseOf(claimed), progress: { fraction: 0.4, message: 'encoding' } }
    assert.deepEqual(await ledger.record([write], { logLinesMax: 10 }), ['recorded'])
    assert.deepEqual((await job(id)).progress, { fraction: 0.4, message: 'encoding', at: clock.now() })
  })

  check('log lines come back in order, page by page', async ({ ledger, pushOne, worker }) => {
    const id = await pushOne()
    const claimed = await (await worker()).takeOne()
    const lease = leaseOf(claimed)
    const messages = ['one', 'two', 'three', 'four', 'five']
    await ledger.record(
      [
        { lease, lines: messages.slice(0, 2).map(line) },
        { lease, lines: messages.slice(2).map(line) },
      ],
      { logLinesMax: 100 },
    )
    const first = await ledger.logs(id, { limit: 3, after: 0 })
    const second = await ledger.logs(id, { limit: 3, after: first.next })
    const third = await ledger.logs(id, { limit: 3, after: second.next })
    assert.deepEqual([...first.lines, ...second.lines], messages.map(line))
    assert.deepEqual([first.lines.length, third.lines, third.next], [3, [], second.next])
    assert.deepEqual((await ledger.logs(UNKNOWN, { limit: 3, after: 0 })).lines, [])
  })

  check('log lines over the limit push out the oldest', async ({ ledger, pushOne, worker }) => {
    const id = await pushOne()
    const lease = leaseOf(await (await worker()).takeOne())
    await ledger.record([{ lease, lines: ['one', 'two', 'three'].map(line) }], { logLinesMax: 3 })
    await ledger.record([{ lease, lines: ['four'].map(line) }], { logLinesMax: 3 })
    const { lines } = await ledger.logs(id, { limit: 10, after: 0 })
    assert.deepEqual(
      lines.map(({ message }) => message),
      ['two', 'three', 'four'],
    )
  })

  where(['fencing'], 'a stale record writes nothing, and its neighbours are written', async ({ ledger, pushMany, worker, settle, job }) => {
    const [stale, good] = (await pushMany([{}, {}])) as [string, string]
    const by = await worker()
    const [one, two] = await by.take()
    const staleLease = leaseOf(one as NonNullable<typeof one>)
    await settle(staleLease, retry())
    await by.take()
    const writes = [
      { lease: staleLease, progress: { fraction: 1, message: 'stale' } },
      { lease: leaseOf(two as NonNullable<typeof two>), progress: { fraction: 0.5, message: null } },
      { lease: staleLease, lines: [line('stale')] },
    ]
    assert.deepEqual(await ledger.record(writes, { logLinesMax: 10 }), ['lost', 'recorded', 'lost'])
    assert.equal((await job(stale)).progress, null)
    assert.equal((await job(good)).progress?.fraction, 0.5)
    assert.deepEqual((await ledger.logs(stale, { limit: 10, after: 0 })).lines, [])
  })

  check('a record after the end is lost', async ({ ledger, pushOne, worker, settle, job }) => {
    const id = await pushOne()
    const claimed = await (await worker()).takeOne()
    await settle(claimed, complete())
    const before = await job(id)
    assert.deepEqual(await ledger.record([{ lease: leaseOf(claimed), progress: { fraction: 1, message: null } }], { logLinesMax: 10 }), ['lost'])
    assert.deepEqual(await job(id), before)
  })
})
