/**
 * Random histories. Every backend is run beside the model, and beside the memory backend as an oracle: the same operation must get
 * the same answer and leave the same jobs. A failure prints its seed and path; put them into `fc.assert`'s options to see it again.
 */
import fc from 'fast-check'
import { createManualClock } from 'kerja/backend'
import { memory } from 'kerja/memory'
import { describe, expect, it } from 'vitest'
import { backendSide } from './backend-side.js'
import { checkInvariants, checkKeys } from './invariants.js'
import { modelSide } from './model-side.js'
import { type Operation, operation } from './operations.js'
import type { SeenJob, Side } from './side.js'
import { START_AT } from './side.js'
import type { ModelTarget } from './targets.js'

const HISTORIES_MS = 40_000
const TEST_MS = 120_000

interface History {
  jobs: readonly (SeenJob | null)[]
  /** Unique keys by number of the job, for those that were created. */
  readonly keys: Map<number, { readonly key: string; readonly scope: 'waiting' | 'live' }>
}

interface Pair {
  readonly expected: Side
  readonly actual: Side
}

function command(step: Operation): fc.AsyncCommand<History, Pair> {
  return {
    check: () => true,
    toString: () => JSON.stringify(step),
    async run(history, { expected, actual }) {
      const answer = await actual.perform(step)
      expect(answer).toEqual(await expected.perform(step))
      const jobs = await actual.jobs()
      expect(jobs).toEqual(await expected.jobs())
      if (step.type === 'push') rememberKey(history, answer as { readonly status: string; readonly id: string }, step.unique)
      checkInvariants(history.jobs, jobs, step)
      checkKeys(jobs, (number) => history.keys.get(number) ?? null)
      history.jobs = jobs
    },
  }
}

function rememberKey(
  history: History,
  answer: { readonly status: string; readonly id: string },
  unique: Extract<Operation, { type: 'push' }>['unique'],
): void {
  if (answer.status !== 'created') return
  const number = Number.parseInt(answer.id.slice(-12), 16)
  if (unique === null) history.keys.delete(number)
  else history.keys.set(number, unique)
}

async function runHistories(target: ModelTarget, openExpected: () => Promise<Side>): Promise<void> {
  const history = fc.commands([operation.map(command)], { size: '+1', maxCommands: 80 })
  await fc.assert(
    fc.asyncProperty(history, async (commands) => {
      const clock = createManualClock(START_AT)
      const actual = await backendSide(target.open(clock), clock)
      const expected = await openExpected()
      try {
        await fc.asyncModelRun(() => ({ model: { jobs: [], keys: new Map() }, real: { expected, actual } }), commands)
      } finally {
        await actual.close()
        await expected.close()
      }
    }),
    // On a slow disk fewer histories are checked; a failure is shrunk as far as the time allows.
    { numRuns: target.runs, interruptAfterTimeLimit: HISTORIES_MS, markInterruptAsFailure: false },
  )
}

/** The tests of one backend. */
export function describeHistories(target: ModelTarget): void {
  describe(`random histories on ${target.name}`, () => {
    it('go as the model says', () => runHistories(target, async () => modelSide()), TEST_MS)

    it(
      'go as on the memory backend',
      () => {
        return runHistories(target, async () => {
          const clock = createManualClock(START_AT)
          return backendSide(memory({ clock }), clock)
        })
      },
      TEST_MS,
    )
  })
}
