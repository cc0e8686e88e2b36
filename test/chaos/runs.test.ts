// Small chaos runs with every test run; `npm run test:chaos -- --backend sqlite` and `postgres` are the large ones.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
// @ts-expect-error the chaos tools are plain JavaScript, run by plain node
import { runChaos } from './run.mjs'

async function run(options: Record<string, unknown>) {
  const folder = mkdtempSync(join(tmpdir(), 'kerja-chaos-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const report = await runChaos({ workers: 2, producers: 1, seed: 1, folder, ...options })
  expect(report.violations).toEqual([])
  const { jobs: count } = options
  expect(report).toMatchObject({
    acked: count,
    lost: 0,
    staleAccepted: 0,
    settledTwice: 0,
    uniqueViolated: 0,
    ticksLost: 0,
    ticksDoubled: 0,
    overlaps: 0,
  })
  return report
}

it('on SQLite, while workers and producers are killed', { timeout: 180_000 }, async () => {
  const report = await run({ backend: 'sqlite', jobs: 2_000, killEveryMs: 400 })
  expect(report.kills).toBeGreaterThan(0)
})

it('on PostgreSQL, while workers and producers are killed, the server crashes and connections are terminated', { timeout: 300_000 }, async () => {
  const report = await run({ backend: 'postgres', jobs: 2_000, killEveryMs: 2_000 })
  for (const count of [report.kills, report.restarts, report.terminated]) expect(count).toBeGreaterThan(0)
})
