// The commands that find and change things, their JSON shapes and their exit codes.
import { defineJob, defineSchedule, Kerja, type } from 'kerja'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createProject, json, kerja, type Project } from './run.js'

interface JobJson {
  readonly id: string
  readonly kind: string
  readonly state: string
  readonly queue: string
  readonly priority: string
  readonly tags: readonly string[]
  readonly payload: unknown
  readonly result: unknown
  readonly maxAttempts: number
  readonly reason: string | null
  readonly attempts: readonly { readonly outcome: string }[]
  readonly logs: readonly { readonly level: string; readonly message: string }[]
}
interface JobsJson {
  readonly jobs: readonly JobJson[]
  readonly next: string | null
}
interface ReceiptJson {
  readonly id: string
  readonly durability: string
  readonly duplicate: boolean
}
const UNKNOWN_ID = '019a0000-0000-7000-8000-000000000000'

let project: Project
let on: readonly string[]
beforeAll(() => {
  project = createProject()
  on = ['--backend', project.backend]
})
afterAll(() => project.remove())

const enqueue = (...args: readonly string[]) => json<ReceiptJson>(['enqueue', ...args, ...on])
const show = async (id: string): Promise<JobJson> => (await json<JobsJson>(['jobs', 'show', id, ...on])).jobs[0] as JobJson

describe('enqueue', () => {
  it('takes the payload as an argument, with options', async () => {
    const receipt = await enqueue('mail.send', '{"to":"ana"}', '--delay', '10m', '--priority', 'high', '--queue', 'mail', '--tag', 'a', '--tag', 'b')
    expect(receipt).toEqual({ id: expect.any(String), durability: 'queued', duplicate: false })
    expect(await show(receipt.id)).toMatchObject({
      kind: 'mail.send',
      state: 'scheduled',
      queue: 'mail',
      priority: 'high',
      tags: ['a', 'b'],
      payload: { to: 'ana' },
      attempts: [],
      logs: [],
    })
  })

  it('takes the payload from standard input', async () => {
    const receipt = await json<ReceiptJson>(['enqueue', 'mail.stdin', '-', '--max-attempts', '3', ...on], { stdin: '{"n":[1,2]}\n' })
    expect(await show(receipt.id)).toMatchObject({ payload: { n: [1, 2] }, maxAttempts: 3 })
  })

  it('answers with the same job under the same key, and refuses another payload', async () => {
    const first = await enqueue('mail.key', '{"n":1}', '--idempotency-key', 'k1')
    expect(await enqueue('mail.key', '{"n":1}', '--idempotency-key', 'k1')).toEqual({ ...first, duplicate: true })
    const { code, stderr } = await kerja(['enqueue', 'mail.key', '{"n":2}', '--idempotency-key', 'k1', ...on])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error IDEMPOTENCY_CONFLICT: [\s\S]*docs\/errors\.md#idempotency_conflict/)
  })

  it('says that no worker would take the job, on stderr', async () => {
    const { code, stdout, stderr } = await kerja(['enqueue', 'mail.alone', ...on])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\S+ {2}mail\.alone on default: queued\n$/)
    expect(stderr).toContain('no worker is running')
  })

  it.each([
    ['{oops', 'USAGE'],
    ['', 'USAGE'],
  ])('refuses %j as JSON', async (text, code) => {
    const result = await kerja(['enqueue', 'mail.bad', text, '--json', ...on])
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(JSON.parse(result.stderr)).toMatchObject({ error: { code } })
  })

  it('refuses a wrong duration with the usage code', async () => {
    expect(await kerja(['enqueue', 'mail.bad', '{}', '--delay', 'tomorrow', ...on])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('error OPTION_INVALID'),
    })
  })
})

describe('jobs', () => {
  it('lists by filters, in pages', async () => {
    const ids: string[] = []
    for (const n of [1, 2, 3]) ids.push((await enqueue('page.me', `{"n":${n}}`, '--tag', 'paged')).id)
    const first = await json<JobsJson>(['jobs', 'list', '--kind', 'page.me', '--tag', 'paged', '--state', 'available', '--limit', '2', ...on])
    expect(first.jobs.map((job) => job.id)).toEqual([ids[2], ids[1]])
    const rest = await json<JobsJson>(['jobs', 'list', '--kind', 'page.me', '--limit', '2', '--cursor', first.next ?? '', ...on])
    expect(rest.jobs.map((job) => job.id)).toEqual([ids[0]])
    expect(rest.next).toBeNull()
    const text = await kerja(['jobs', 'list', '--kind', 'page.me', '--limit', '1', ...on])
    expect(text.stdout).toMatch(/^ID +KIND +QUEUE +STATE/)
    expect(text.stdout).toMatch(/^more: --cursor \S+$/m)
  })

  it('refuses a made-up cursor', async () => {
    expect(await kerja(['jobs', 'list', '--cursor', 'nonsense', ...on])).toMatchObject({ code: 2, stderr: expect.stringContaining('CURSOR_INVALID') })
  })

  it('cancels, retries and deletes several at once', async () => {
    const ids = [(await enqueue('change.me')).id, (await enqueue('change.me')).id]
    const cancelled = await json(['jobs', 'cancel', ...ids, '--reason', 'sent by hand', ...on])
    expect(cancelled).toEqual({ jobs: ids.map((id) => ({ id, outcome: 'changed' })) })
    expect(await show(ids[0] as string)).toMatchObject({ state: 'cancelled', reason: 'sent by hand' })
    expect(await kerja(['jobs', 'cancel', ids[0] as string, ...on])).toMatchObject({ code: 1, stdout: expect.stringContaining('not cancelled') })
    expect(await json(['jobs', 'retry', ...ids, ...on])).toEqual({ jobs: ids.map((id) => ({ id, outcome: 'changed' })) })
    expect(await show(ids[1] as string)).toMatchObject({ state: 'available' })
    expect(await kerja(['jobs', 'delete', ...ids, ...on])).toMatchObject({ code: 0, stdout: `${ids[0]}  deleted\n${ids[1]}  deleted\n` })
  })

  it.each(['show', 'retry', 'cancel', 'delete'])('%s of an unknown id ends with 3', async (name) => {
    expect(await kerja(['jobs', name, UNKNOWN_ID, ...on])).toMatchObject({ code: 3 })
  })

  it('shows those it finds beside one it does not', async () => {
    const { id } = await enqueue('find.me')
    const { code, stdout, stderr } = await kerja(['jobs', 'show', UNKNOWN_ID, id, '--json', ...on])
    expect(code).toBe(3)
    expect((JSON.parse(stdout) as JobsJson).jobs.map((job) => job.id)).toEqual([id])
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'JOB_NOT_FOUND' } })
  })
})

describe('queues', () => {
  it('lists, pauses and resumes', async () => {
    await enqueue('queue.me', '{}', '--queue', 'media')
    expect(await json(['queues', 'pause', 'media', ...on])).toEqual({ queues: [{ queue: 'media', paused: true }] })
    const { queues } = await json<{ queues: { queue: string; paused: boolean; counts: object }[] }>(['queues', 'list', ...on])
    expect(queues.find(({ queue }) => queue === 'media')).toMatchObject({ paused: true, counts: { available: 1, running: 0 } })
    expect((await kerja(['queues', 'list', ...on])).stdout).toMatch(/^media .*paused/m)
    expect(await kerja(['queues', 'resume', 'media', ...on])).toMatchObject({ code: 0, stdout: 'media: resumed\n' })
  })

  it('refuses a name that nobody uses, unless forced', async () => {
    expect(await kerja(['queues', 'pause', 'medai', ...on])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/QUEUE_NOT_FOUND.*medai.*media/),
    })
    expect(await kerja(['queues', 'pause', 'later', '--force', ...on])).toMatchObject({ code: 0 })
    expect(await kerja(['queues', 'resume', 'later', ...on])).toMatchObject({ code: 0 })
  })
})

describe('schedules', () => {
  it('lists, pauses, resumes, runs and removes', async () => {
    const report = defineJob({ kind: 'report.build', payload: type<{ day: string }>() })
    await using store = new Kerja({ backend: project.backend, logger: 'silent' })
    await store.schedules.upsert(defineSchedule('nightly', report.with({ day: 'today' }), { cron: '0 2 * * *', timeZone: 'Asia/Jakarta' }))
    const listed = await json<{ schedules: object[] }>(['schedules', 'list', ...on])
    expect(listed.schedules).toMatchObject([{ name: 'nightly', kind: 'report.build', cron: '0 2 * * *', timeZone: 'Asia/Jakarta', paused: false }])
    expect(await json(['schedules', 'pause', 'nightly', ...on])).toEqual({ schedules: [{ schedule: 'nightly', paused: true }] })
    expect((await kerja(['schedules', 'list', ...on])).stdout).toMatch(/^nightly +paused +0 2 \* \* \*/m)
    expect(await json(['schedules', 'resume', 'nightly', ...on])).toEqual({ schedules: [{ schedule: 'nightly', paused: false }] })
    const ran = await json<{ schedules: { jobId: string }[] }>(['schedules', 'run', 'nightly', ...on])
    expect(await show(ran.schedules[0]?.jobId as string)).toMatchObject({ kind: 'report.build', payload: { day: 'today' } })
    expect(await kerja(['schedules', 'remove', 'nightly', ...on])).toMatchObject({ code: 0, stdout: 'nightly: removed\n' })
    for (const name of ['pause', 'resume', 'run', 'remove']) expect(await kerja(['schedules', name, 'nightly', ...on])).toMatchObject({ code: 3 })
  })
})

describe('status, top, workers and migrate', () => {
  it('status shows the system on one page', async () => {
    await enqueue('status.me')
    const answer = await json<{ queues: object[] }>(['status', ...on])
    expect(answer).toMatchObject({
      backend: { source: '--backend', reachable: true, error: null },
      workers: { alive: 0, dead: 0, runningCount: 0, concurrency: 0 },
      schedules: { pausedCount: 0, dueCount: 0 },
    })
    expect(answer.queues.length).toBeGreaterThan(0)
    expect((await kerja(['status', ...on])).stdout).toMatch(/^reachable {2}yes$/m)
  })

  it('status of a backend that cannot be opened says so and ends with 4', async () => {
    const gone = ['status', '--backend', `sqlite:${project.folder}/missing/jobs.db`]
    const { code, stdout } = await kerja([...gone, '--json'])
    expect(code).toBe(4)
    expect(JSON.parse(stdout)).toMatchObject({ backend: { reachable: false, error: { code: 'BACKEND_UNAVAILABLE' } }, queues: [], workers: null })
    expect(await kerja(gone)).toMatchObject({ code: 4, stdout: expect.stringContaining('reachable  no: BACKEND_UNAVAILABLE') })
    expect(await kerja(['jobs', 'list', '--backend', `sqlite:${project.folder}/missing/jobs.db`])).toMatchObject({
      code: 4,
      stdout: '',
      stderr: expect.stringMatching(/^error BACKEND_UNAVAILABLE: /),
    })
  })

  it('top prints one frame without a terminal', async () => {
    const { code, stdout } = await kerja(['top', '--once', ...on])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^kerja top {2}sqlite:/)
    expect(stdout).toMatch(/^QUEUE +READY +RUNNING/m)
    expect(await json(['top', '--once', ...on])).toMatchObject({ at: expect.any(String), queues: expect.any(Array), workers: [], failures: [] })
  })

  it('workers lists none', async () => {
    expect(await json(['workers', ...on])).toEqual({ workers: [] })
    expect(await kerja(['workers', ...on])).toMatchObject({ code: 0, stdout: expect.stringContaining('No workers') })
  })

  it('migrate plans, applies, and then has nothing to do', async () => {
    const store = ['--backend', `sqlite:${project.folder}/new.db`]
    const plan = await json<{ applied: boolean; steps: { statements: string[] }[] }>(['migrate', '--plan', ...store])
    expect(plan.applied).toBe(false)
    expect(plan.steps[0]?.statements.length).toBeGreaterThan(0)
    expect(await kerja(['migrate', '--plan', ...store])).toMatchObject({ code: 0, stdout: expect.stringContaining('CREATE TABLE') })
    expect(await json(['migrate', ...store])).toMatchObject({ applied: true, steps: plan.steps })
    expect(await json(['migrate', ...store])).toMatchObject({ steps: [] })
    expect(await kerja(['migrate', '--plan', ...store])).toMatchObject({ code: 0, stdout: expect.stringContaining('up to date') })
  })
})
