// What others wrote into jobs cannot drive the terminal of whoever looks at them.
import { defineJob, Kerja, type } from 'kerja'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createProject, kerja, type Project } from './run.js'

/** Clears the screen, sets the title, reorders text, begins a line of its own. */
const HOSTILE = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202ereversed\u2028\u200b'
const CAUSE = `boom ${HOSTILE}\nforged line`
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what must not be there.
const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202e\u2028]/

const job = defineJob({ kind: 'hostile.job', payload: type<{ text: string }>(), maxAttempts: 1 })

let project: Project
let id: string
beforeAll(async () => {
  project = createProject()
  await using store = new Kerja({ backend: project.backend, logger: 'silent' })
  const failed = store.events.once('job.failed')
  const handler = job.handle((_payload, ctx) => {
    ctx.log.warn(`log ${HOSTILE}`)
    ctx.progress(0.5, `progress ${HOSTILE}`)
    throw new Error(CAUSE)
  })
  const receipt = await store.enqueue(job, { text: HOSTILE }, { tags: ['tag \u202e\u009b31m'], group: 'group \u202e' })
  id = receipt.id
  const worker = store.worker({ handlers: [handler] })
  await worker.start()
  await failed
  await worker.stop()
})
afterAll(() => project.remove())

describe('control characters in job data', () => {
  it.each([
    ['show', () => ['jobs', 'show', id]],
    ['list', () => ['jobs', 'list']],
    ['top', () => ['top', '--once']],
    ['list --json', () => ['jobs', 'list', '--json']],
    ['show --json', () => ['jobs', 'show', id, '--json']],
    ['top --json', () => ['top', '--once', '--json']],
  ])('are escaped in %s', async (_name, args) => {
    const { code, stdout, stderr } = await kerja([...args(), '--backend', project.backend])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('boom')
    expect(stdout).not.toMatch(UNSAFE)
  })

  it('are shown as what they are', async () => {
    const { stdout } = await kerja(['jobs', 'show', id, '--backend', project.backend])
    for (const shown of ['\\x1b[2J', '\\x07', '\\x9b31m', '\\u202e', '\\u2028', 'log ', 'progress ', 'tag ', 'group '])
      expect(stdout).toContain(shown)
  })

  it('cannot begin a line of their own where a line is one job', async () => {
    const { stdout } = await kerja(['jobs', 'list', '--backend', project.backend])
    expect(stdout.trimEnd().split('\n')).toHaveLength(2)
  })

  it('keep their value in JSON', async () => {
    const { stdout } = await kerja(['jobs', 'show', id, '--json', '--backend', project.backend])
    const { jobs } = JSON.parse(stdout) as { jobs: { payload: object; tags: string[]; failure: { message: string } }[] }
    expect(jobs[0]).toMatchObject({
      payload: { text: HOSTILE },
      tags: ['tag \u202e\u009b31m'],
      failure: { message: expect.stringContaining('boom') },
    })
  })

  it('are escaped in errors', async () => {
    const { code, stderr } = await kerja(['jobs', 'list', '--state', HOSTILE, '--backend', project.backend])
    expect(code).toBe(2)
    expect(stderr).toContain('\\x1b[2J')
    expect(stderr).not.toMatch(UNSAFE)
  })
})
