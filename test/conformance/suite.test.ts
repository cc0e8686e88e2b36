/** The suite itself: honest backends pass whatever they lack, broken ones and liars are caught, and the table says so. */
import { type Backend, type Capabilities, createManualClock, type Queue } from 'kerja/backend'
import { memory } from 'kerja/memory'
import { type ConformanceReport, capabilityTable, runBackendConformance } from 'kerja/testing/conformance'
import { describe, expect, it } from 'vitest'

/** Runs the whole suite on a changed memory backend, with a test runner of four lines. */
async function run(name: string, change: (backend: Backend) => Backend): Promise<ConformanceReport> {
  const cases: (() => Promise<void>)[] = []
  const test = { describe: (_: string, define: () => void) => define(), it: (_: string, body: () => Promise<void>) => cases.push(body) }
  const open = async () => {
    const clock = createManualClock(Date.UTC(2026, 0, 1))
    const backend = change(memory({ clock }))
    return { backend, clock, close: () => backend.close() }
  }
  const report = runBackendConformance({ name, capabilities: change(memory()).capabilities, test, open })
  for (const body of cases) await body().catch(() => undefined)
  expect(report.results.length).toBe(cases.length)
  return report
}

const withQueue = (change: (queue: Queue, backend: Backend) => Partial<Queue>) => (backend: Backend) => ({
  ...backend,
  queue: { ...backend.queue, ...change(backend.queue, backend) },
})
const claiming = (facts: Partial<Capabilities>) => (backend: Backend) => ({ ...backend, capabilities: { ...backend.capabilities, ...facts } })

const failures = (report: ConformanceReport): string[] =>
  report.results.filter(({ passed }) => !passed).map(({ topic, title }) => `${topic}: ${title}`)

/** Backends with one defect each, as they have been seen in the field. */
const BROKEN: Readonly<Record<string, (backend: Backend) => Backend>> = {
  'settles without looking at the token': withQueue((queue, { ledger }) => ({
    settle: async (settlements, options) => {
      const records = await ledger.get(settlements.map(({ lease }) => lease.jobId))
      const current = settlements.map((item, index) => ({ ...item, lease: { ...item.lease, token: records[index]?.token ?? item.lease.token } }))
      return queue.settle(current, options)
    },
  })),
  'drops the last job of a batch': withQueue((queue) => ({
    push: async (jobs, options) => {
      const results = await queue.push(jobs.length > 1 ? jobs.slice(0, -1) : jobs, options)
      return jobs.map(({ id }, index) => results[index] ?? { status: 'created', id })
    },
  })),
  'fails the batch for one bad settlement': withQueue((queue) => ({
    settle: async (settlements, options) => {
      const results = await queue.settle(settlements, options)
      return results.includes('lost') ? results.map(() => 'lost') : results
    },
  })),
  'enqueues before it completes': withQueue((queue) => ({
    settle: async (settlements, options) => {
      for (const item of settlements) if (item.outcome === 'complete') await queue.push(item.enqueue)
      return queue.settle(settlements, options)
    },
  })),
  'burns an attempt on release': withQueue((queue) => ({
    settle: (settlements, options) =>
      queue.settle(
        settlements.map((item) => (item.outcome === 'release' ? { lease: item.lease, outcome: 'retry', delayMs: 0, failure: NO_FAILURE } : item)),
        options,
      ),
  })),
  'lets jobs go whoever holds them': (backend) => ({
    ...backend,
    transfer: {
      ...backend.transfer,
      leave: async (departures) => {
        const records = await backend.ledger.get(departures.map(({ jobId }) => jobId))
        return backend.transfer.leave(departures.map((item, index) => ({ ...item, token: records[index]?.token ?? item.token })))
      },
    },
  }),
  'drops what loses its key on the way': (backend) => ({
    ...backend,
    transfer: {
      ...backend.transfer,
      accept: async (jobs) => {
        const results = await backend.transfer.accept(jobs)
        await backend.ledger.remove(jobs.filter((_, index) => results[index]?.status === 'superseded').map(({ jobId }) => jobId))
        return results
      },
    },
  }),
  'finds no lapsed lease': withQueue(() => ({ lapsed: async () => [] })),
  'claims to have no keys, and takes them': claiming({ keys: false }),
  'claims to share its store': claiming({ crossProcess: true }),
  'claims to check for deaths': claiming({ deathCheck: true }),
}
const NO_FAILURE = { name: 'Error', message: '', code: null, stack: null }

/** Refuses to carry, and says so. */
function withoutTransfer(backend: Backend): Backend {
  const refuse = async (): Promise<never> => {
    throw Object.assign(new Error('no transfer'), { code: 'UNSUPPORTED' })
  }
  const transfer = { take: refuse, ended: refuse, accept: refuse, leave: refuse, keys: refuse, acceptKeys: refuse, acceptSchedules: refuse }
  return claiming({ transfer: false })({ ...backend, transfer })
}

const withoutKeys = (backend: Backend): Backend => {
  const { push } = backend.queue
  const refusing = withQueue(() => ({
    push: async (jobs, options) => {
      if (jobs.some(({ unique, idempotency }) => unique !== null || idempotency !== null))
        throw Object.assign(new Error('no keys'), { code: 'UNSUPPORTED' })
      return push(jobs, options)
    },
  }))
  return claiming({ keys: false })(refusing(backend))
}

describe('the conformance suite', () => {
  it('passes a backend that keeps the contract', async () => {
    const report = await run('memory', (backend) => backend)
    expect(failures(report)).toEqual([])
    expect(report.results.length).toBeGreaterThan(200)
  })

  it('passes a backend that honestly lacks something, by cases of refusal', async () => {
    const report = await run('keyless', withoutKeys)
    expect(failures(report)).toEqual([])
    expect(report.results.filter(({ lacks }) => lacks === 'keys').length).toBeGreaterThan(0)
    expect(report.results.filter(({ needs }) => needs.includes('keys'))).toEqual([])
    const immobile = await run('immobile', withoutTransfer)
    expect(failures(immobile)).toEqual([])
    expect(immobile.results.filter(({ lacks }) => lacks === 'transfer').length).toBeGreaterThan(0)
  })

  it.each(Object.keys(BROKEN))('catches a backend that %s', async (name) => {
    expect(failures(await run(name, BROKEN[name] as (backend: Backend) => Backend))).not.toEqual([])
  })

  it('writes a table of what was shown', async () => {
    const honest = await run('memory', (backend) => backend)
    const liar = await run('liar', claiming({ keys: false }))
    const rows = capabilityTable([honest, liar]).split('\n')
    expect(rows.slice(0, 2)).toEqual(['| capability | memory | liar |', '|---|---|---|'])
    expect(rows).toHaveLength(2 + Object.keys(honest.capabilities).length)
    expect(rows.find((row) => row.startsWith('| `keys`'))).toMatch(/^\| `keys` \| yes \(\d+ cases\) \| no: broken \|$/)
    expect(rows.find((row) => row.startsWith('| `delayMsMax`'))).toMatch(/no limit \(1 case\)/)
  })
})
