// A small chaos run with every test run; `npm run test:chaos -- --backend sqlite` is the large one.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
// @ts-expect-error the chaos tools are plain JavaScript, run by plain node
import { runChaos } from './run.mjs'

it('loses nothing and accepts nothing stale while workers and producers are killed', { timeout: 180_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kerja-chaos-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const url = `sqlite:${join(folder, 'chaos.db')}`
  const report = await runChaos({ jobs: 2_000, workers: 2, producers: 1, killEveryMs: 400, seed: 1, url, folder })
  expect(report.violations).toEqual([])
  expect(report).toMatchObject({ acked: 2_000, completed: 2_000, lost: 0, staleAccepted: 0, overlaps: 0 })
  expect(report.kills).toBeGreaterThan(0)
})
