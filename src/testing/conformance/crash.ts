/** Topic crash: a process death counts, but not against the innocent; suspects run alone. */
import assert from 'node:assert/strict'
import { complete, crash, fail, failure, MINUTE, SECOND } from './build.js'
import type { Stage, StageWorker } from './stage.js'
import { idsOf } from './stage.js'
import { topic } from './suite.js'

export const crashTopic = topic('crash', ['ledger', 'fencing'], ({ check, where }) => {
  check('the first crash costs no attempt and returns the job at once', async ({ pushOne, worker, settle, job, ledger, clock }) => {
    const id = await pushOne()
    const by = await worker()
    const claimed = await by.takeOne()
    clock.advance(SECOND)
    await settle(claimed, crash())
    const waiting = await job(id)
    assert.deepEqual([waiting.state, waiting.attempt, waiting.crashCount, waiting.failure?.message], ['available', 0, 1, 'the process died'])
    assert.deepEqual(
      (await ledger.attempts(id)).map(({ outcome, token }) => [outcome, token]),
      [['crash', 1]],
    )
    const again = await by.takeOne()
    assert.deepEqual([again.attempt, again.token, again.crashCount], [1, 2, 1])
  })

  check('a job seen in two deaths is taken only by a claim for suspects', async (stage) => {
    const by = await stage.worker()
    const id = await suspect(stage, by)
    assert.equal((await stage.job(id)).crashCount, 2)
    assert.deepEqual(await by.take(), [])
    const [claimed, ...more] = await by.take({ alone: true })
    assert.deepEqual([claimed?.jobId, claimed?.alone, claimed?.crashCount, more.length], [id, true, 2, 0])
  })

  check('a claim for suspects takes one, and nothing else', async (stage) => {
    const by = await stage.worker()
    const first = await suspect(stage, by)
    await suspect(stage, by)
    await stage.pushMany([{ priority: 0 }, {}])
    assert.deepEqual(idsOf(await by.take({ alone: true, limit: 10 })), [first])
  })

  check('a claim for suspects leaves ordinary jobs alone', async ({ pushOne, worker }) => {
    await pushOne()
    assert.deepEqual(await (await worker()).take({ alone: true }), [])
  })

  check('ordinary claims say when suspects wait that they could take', async (stage) => {
    const by = await stage.worker()
    assert.equal((await by.ask()).suspectsWait, false)
    await suspect(stage, by)
    const other = await stage.worker()
    assert.equal((await other.ask()).suspectsWait, true)
    assert.equal((await other.ask({ kinds: [{ kind: 'other.kind', version: 1, leaseMs: null }] })).suspectsWait, false)
    assert.equal((await other.ask({ queues: new Map([['other', 10]]) })).suspectsWait, false)
    await by.take({ alone: true })
    assert.equal((await other.ask()).suspectsWait, false)
  })

  check('a suspect does not hide the work behind it', async (stage) => {
    const by = await stage.worker()
    await suspect(stage, by)
    const next = await stage.pushOne()
    assert.deepEqual(idsOf(await by.take()), [next])
  })

  where(['coordination'], 'few workers spare one place for suspects', async (stage) => {
    const by = await stage.worker()
    const first = await suspect(stage, by)
    const second = await suspect(stage, by)
    const claimed = await by.takeOne({ alone: true })
    assert.equal(claimed.jobId, first)
    const other = await stage.worker()
    assert.deepEqual(await other.take({ alone: true }), [])
    await stage.settle(claimed, complete())
    assert.equal((await other.takeOne({ alone: true })).jobId, second)
  })

  where(['coordination'], 'eight workers spare two places, counting the living only', async (stage) => {
    const by = await stage.worker()
    for (let count = 0; count < 3; count += 1) await suspect(stage, by)
    for (let count = 0; count < 6; count += 1) await stage.worker()
    const eighth = await stage.worker({ leaseMs: MINUTE })
    const claimed = await by.takeOne({ alone: true })
    await by.takeOne({ alone: true })
    assert.deepEqual(await eighth.take({ alone: true }), [])
    stage.clock.advance(2 * MINUTE)
    await stage.coordination.reapWorkers()
    await stage.settle(claimed, complete())
    assert.deepEqual(await by.take({ alone: true }), [], 'seven living workers spare one place, and it is taken')
  })

  check('a crash while alone that burns costs the attempt', async (stage) => {
    const by = await stage.worker()
    const id = await suspect(stage, by)
    await stage.settle(await by.takeOne({ alone: true }), crash(true))
    const record = await stage.job(id)
    assert.deepEqual([record.state, record.attempt, record.crashCount], ['available', 1, 3])
    assert.deepEqual(await by.take(), [])
    assert.equal((await by.takeOne({ alone: true })).attempt, 2)
  })

  check('a job that fails because of a crash counts that crash and remembers it as one', async ({ pushOne, worker, settle, job, ledger }) => {
    const id = await pushOne({ maxAttempts: 1 })
    const claimed = await (await worker()).takeOne()
    await settle(claimed, { outcome: 'fail', reason: 'crashed', failure: failure('died'), retentionMs: MINUTE, crashed: true })
    const record = await job(id)
    assert.deepEqual([record.state, record.crashCount, record.attempt], ['failed', 1, 1])
    assert.deepEqual(
      (await ledger.attempts(id)).map(({ outcome }) => outcome),
      ['crash'],
    )
  })

  check('a suspect that completes is done like any other', async (stage) => {
    const by = await stage.worker()
    const id = await suspect(stage, by)
    assert.equal(await stage.settle(await by.takeOne({ alone: true }), complete({ result: '1' })), 'settled')
    assert.equal((await stage.job(id)).state, 'completed')
  })

  check('a retry by hand does not let a suspect among the others', async (stage) => {
    const by = await stage.worker()
    const id = await suspect(stage, by)
    await stage.settle(await by.takeOne({ alone: true }), crash(true))
    await stage.settle(await by.takeOne({ alone: true }), fail())
    assert.deepEqual(await stage.ledger.retry([id]), ['changed'])
    assert.equal((await stage.job(id)).crashCount, 2)
    assert.deepEqual(await by.take(), [])
    assert.equal((await by.takeOne({ alone: true })).attempt, 1)
  })
})

/** Pushes a job and lets it be seen in two deaths. Returns its id. */
async function suspect(stage: Stage, by: StageWorker): Promise<string> {
  const id = await stage.pushOne({ priority: 0 })
  for (let death = 0; death < 2; death += 1) await stage.settle(await by.takeOne(), crash())
  return id
}
