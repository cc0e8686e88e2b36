// What keeps a process alive: an awaited result does, a Kerja that has nothing to do does not.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'kerja-process-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs a program that is never told to exit and gives what it printed; fails when it does not exit by itself. */
async function program(body: string): Promise<string> {
  const source = `
    import { defineJob, Kerja, type } from 'kerja'
    const job = defineJob({ kind: 'job', payload: type() })
    const kerja = new Kerja({ backend: process.argv[1], logger: 'silent', enqueueTimeout: '10m' })
    ${body}`
  const url = `sqlite:${join(folder, 'jobs.db')}`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', source, url], {
    cwd: resolve(import.meta.dirname, '../..'),
    timeout: 20_000,
  })
  return stdout
}

describe('a process', () => {
  it('ends by itself when all enqueues are done, without closing', async () => {
    expect(await program("await Promise.all([kerja.enqueue(job, 1), kerja.enqueue(job, 2)]); console.log('stored')")).toBe('stored\n')
  })

  it('lives as long as a result is awaited', async () => {
    const body = `
      const { id } = await kerja.enqueue(job, 1, { delay: '1h' })
      await kerja.result(job, id, { timeout: 300 }).catch((error) => console.log(error.code))`
    expect(await program(body)).toBe('RESULT_TIMEOUT\n')
  })
})
