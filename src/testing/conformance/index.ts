/**
 * `kerja/testing/conformance`: one suite for every backend. It says in code what docs/backend-contract.md says in words.
 * What runs is decided by `capabilities` alone: a capability claimed is shown to hold, one not claimed is shown to be refused.
 *
 * ```ts
 * import { describe, it } from 'vitest'   // or node:test, or any runner with these two
 * runBackendConformance({ name: 'memory', capabilities: memory().capabilities, test: { describe, it }, open })
 * ```
 */
import assert from 'node:assert/strict'
import type { Capabilities } from '../../contract/index.js'
import { createStage } from './stage.js'
import type { ConformanceCase, ConformanceReport } from './suite.js'
import { applies } from './suite.js'
import type { ConformanceTarget } from './target.js'
import { ALL_TOPICS } from './topics.js'

export type { CapabilityName, ConformanceCase, ConformanceReport, ConformanceResult } from './suite.js'
export { capabilityTable } from './table.js'
export type { CallerTransaction, ConformanceTarget } from './target.js'

/** The two functions of a test runner that the suite calls. */
export interface TestFunctions {
  describe(name: string, define: () => void): unknown
  it(name: string, run: () => Promise<void>): unknown
}

export interface ConformanceOptions {
  /** Names the suite in the runner's output and in the table. */
  readonly name: string
  /** What the backend claims. Decides which cases are registered; every opened backend must claim the same. */
  readonly capabilities: Capabilities
  readonly test: TestFunctions
  /** Makes a fresh, empty store with a manual clock. Called once per case; closed after it. */
  open(): Promise<ConformanceTarget>
}

/** Registers the suite with the runner. The report fills while the cases run. */
export function runBackendConformance(options: ConformanceOptions): ConformanceReport {
  const report: ConformanceReport = { name: options.name, capabilities: options.capabilities, results: [] }
  const { describe, it } = options.test
  describe(`${options.name} conforms to the backend contract`, () => {
    for (const cases of ALL_TOPICS) {
      const applying = cases.filter((check) => applies(check, options.capabilities))
      const [first] = applying
      if (first === undefined) continue
      describe(first.topic, () => {
        for (const check of applying) it(check.title, () => runCase(check, options, report))
      })
    }
  })
  return report
}

async function runCase(check: ConformanceCase, options: ConformanceOptions, report: ConformanceReport): Promise<void> {
  const { topic, title, needs, lacks } = check
  let passed = false
  const target = await options.open()
  const stage = createStage(target)
  try {
    assert.deepEqual(target.backend.capabilities, options.capabilities, 'the backend claims what the suite was told')
    await target.backend.open()
    await check.run(stage)
    passed = true
  } finally {
    report.results.push({ topic, title, needs, lacks, passed })
    await stage.close().finally(() => target.close())
  }
}
