/** Topic concurrency: many hands at once, through one handle and through two. */
import assert from 'node:assert/strict'
import type { Backend } from '../../contract/index.js'
import { complete, HOUR, idempotency, newJob, SECOND, schedule, settlement, unique } from './build.js'
import type { Stage } from './stage.js'
import { idsOf } from './stage.js'
import { topic } from './suite.js'

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index))

/** The races, each on any number of handles. */
async function claimRace({ pushMany, worker }: Stage, handles: readonly Backend[]): Promise<void> {
  const ids = await pushMany(times(120, () => ({})))
  const workers = await Promise.all(times(8, (index) => worker({}, handles[index % handles.length])))
  const taken: string[] = []
  while (taken.length < ids.length) {
    const rounds = await Promise.all(workers.map((by) => by.take({ limit: 4 })))
    const round = rounds.flatMap(idsOf)
    assert.ok(round.length > 0, 'no claim comes back empty-handed while jobs wait')
    taken.push(...round)
  }
  assert.deepEqual([...taken].sort(), [...ids].sort())
}

async function settleRace({ pushOne, worker }: Stage, handles: readonly Backend[]): Promise<void> {
  await pushOne()
  const claimed = await (await worker()).takeOne()
  const results = await Promise.all(
    times(6, (index) => handles[index % handles.length]?.queue.settle([settlement(claimed, complete({ result: String(index) }))])),
  )
  assert.deepEqual(results.flat().sort(), ['lost', 'lost', 'lost', 'lost', 'lost', 'settled'])
}

async function keyRace(handles: readonly Backend[], key: Partial<Parameters<typeof newJob>[0]>): Promise<void> {
  const results = (await Promise.all(times(8, (index) => handles[index % handles.length]?.queue.push([newJob(key)])))).flat()
  const created = results.filter((result) => result?.status === 'created')
  assert.equal(created.length, 1)
  assert.deepEqual(
    results.filter((result) => result?.status !== 'created'),
    times(7, () => ({ status: 'duplicate', id: created[0]?.id })),
  )
}

async function idRace({ worker }: Stage, handles: readonly Backend[]): Promise<void> {
  const job = newJob()
  const pushes = times(8, (index) => (handles[index % handles.length] as Backend).queue.push([job]))
  assert.deepEqual([...new Set((await Promise.all(pushes)).flat().map((result) => result.status))].sort(), ['created', 'duplicate'])
  const by = await worker()
  assert.deepEqual(idsOf([...(await by.take()), ...(await by.take())]), [job.id])
}

async function leaderRace({ worker }: Stage, handles: readonly Backend[]): Promise<void> {
  const workers = await Promise.all(times(6, () => worker()))
  const led = await Promise.all(
    workers.map(({ id }, index) => handles[index % handles.length]?.coordination.lead({ role: 'maintenance', workerId: id, ttlMs: HOUR })),
  )
  assert.equal(led.filter((leads) => leads === true).length, 1)
}

async function tickRace({ coordination, clock, ledger }: Stage, handles: readonly Backend[]): Promise<void> {
  const declared = schedule({ nextAt: clock.now() })
  await coordination.upsertSchedules([declared])
  const fired = await Promise.all(
    times(6, (index) =>
      handles[index % handles.length]?.coordination.fireSchedule({
        name: declared.name,
        expectedNextAt: declared.nextAt,
        nextAt: declared.nextAt + HOUR,
        overlap: 'allow',
        jobs: [newJob()],
      }),
    ),
  )
  assert.equal(fired.filter((ids) => ids !== null).length, 1)
  assert.equal((await ledger.list({ limit: 10 })).jobs.length, 1)
}

async function reapRace({ worker, clock }: Stage, handles: readonly Backend[]): Promise<void> {
  const workers = await Promise.all(times(3, () => worker({ leaseMs: SECOND })))
  clock.advance(2 * SECOND)
  const named = await Promise.all(times(4, (index) => handles[index % handles.length]?.coordination.reapWorkers()))
  assert.deepEqual(named.flat().sort(), workers.map(({ id }) => id).sort())
}

async function cancelRace({ pushMany, worker, ledger }: Stage, handles: readonly Backend[]): Promise<void> {
  const ids = await pushMany(times(20, () => ({})))
  const by = await worker({}, handles.at(-1))
  const [claims, ...answers] = await Promise.all([
    by.take({ limit: 10 }),
    ...ids.map((id) => ledger.cancel([id], { reason: 'race', retentionMs: HOUR })),
  ])
  const taken = new Set(idsOf(claims))
  ids.forEach((id, index) => {
    // Cancelled jobs never start; started ones were asked.
    assert.deepEqual(answers[index], [taken.has(id) ? 'requested' : 'changed'])
  })
}

export const concurrencyTopic = topic('concurrency', ['ledger'], ({ where, without }) => {
  const both = (needs: Parameters<typeof where>[0], title: string, run: (stage: Stage, handles: readonly Backend[]) => Promise<void>): void => {
    where(needs, title, (stage) => run(stage, [stage.backend]))
    where([...needs, 'crossProcess'], `${title}, through two handles`, async (stage) => run(stage, [stage.backend, await stage.reopen()]))
  }
  both([], 'no job is claimed twice and none is left', claimRace)
  both(['fencing'], 'of many settlements of one claim one counts', settleRace)
  both(['keys'], 'of many pushes under one unique key one is created, and the others name it', (_, handles) => keyRace(handles, { unique: unique() }))
  both(['keys'], 'of many pushes of one request one is created, and the others name it', (_, handles) =>
    keyRace(handles, { idempotency: idempotency() }),
  )
  const title = 'of many pushes of one id one is created'
  where([], title, ({ backend }) => keyRace([backend], { id: newJob().id }))
  where(['crossProcess', 'knownAtOnce'], `${title}, through two handles`, async ({ backend, reopen }) =>
    keyRace([backend, await reopen()], { id: newJob().id }),
  )
  without('knownAtOnce', 'many pushes of one id through two handles are one job', async (stage) =>
    idRace(stage, [stage.backend, await stage.reopen()]),
  )
  both(['coordination'], 'of many candidates one leads', leaderRace)
  both(['coordination'], 'of many firings of one tick one counts', tickRace)
  both(['coordination'], 'each death is declared once', reapRace)
  both([], 'a job is cancelled or started, never both', cancelRace)

  where(
    ['crossProcess', 'coordination'],
    'what one handle writes the other reads',
    async ({ pushMany, reopen, coordination, ledger, settle, worker }) => {
      const other = await reopen()
      const [first, second] = (await pushMany([{}, {}])) as [string, string]
      assert.deepEqual(
        (await other.ledger.get([first, second])).map((record) => record?.state),
        ['available', 'available'],
      )
      await other.coordination.pauseQueue('default')
      const by = await worker()
      assert.deepEqual(await by.take(), [])
      await coordination.resumeQueue('default')
      const claimed = await (await worker({}, other)).takeOne()
      assert.equal(await settle(claimed, complete()), 'settled', 'a claim made through one handle is settled through the other')
      assert.equal((await ledger.get([first]))[0]?.state, 'completed')
    },
  )

  without('crossProcess', 'offers no second handle', async ({ reopenable }) => {
    assert.equal(reopenable, false)
  })
})
