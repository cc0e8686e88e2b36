// What shares a commit: the calls of a group, and those that the turn which pushed a part of its jobs is still making.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { newJob } from '../../testing/conformance/build.js'
import { type Call, createGroups, type Joining, type Reply } from './group.js'
import { resolveOptions } from './options.js'
import { encodeJobs } from './wire.js'

const push = (id: number, overrides: Parameters<typeof newJob>[0] = {}): Call => ({ id, name: 'push', args: [encodeJobs([newJob(overrides)])] })
/** Calls that follow, one at each asking. */
const followedBy = (...calls: readonly Call[]): Joining => {
  const left = [...calls]
  return { arrived: () => [], following: () => left.splice(0, 1) }
}

function openGroups() {
  const folder = mkdtempSync(join(tmpdir(), 'kerja-group-'))
  const path = join(folder, 'jobs.db')
  const answers: (readonly Reply[])[] = []
  const groups = createGroups(resolveOptions(path), (replies) => answers.push(replies))
  onTestFinished(() => {
    groups.close()
    rmSync(folder, { recursive: true, force: true })
  })
  groups.run([{ id: 0, name: 'open', args: [] }], followedBy())
  answers.length = 0
  return { groups, answers, commitCount: () => commitsIn(readFileSync(`${path}-wal`)) }
}

/** A frame of the journal that ends a transaction says how large the store is then. https://www.sqlite.org/fileformat2.html#walformat */
function commitsIn(journal: Buffer): number {
  const frameBytes = 24 + journal.readUInt32BE(8)
  let count = 0
  for (let at = 32; at + frameBytes <= journal.length; at += frameBytes) if (journal.readUInt32BE(at + 4) > 0) count += 1
  return count
}

it('a group and what follows it are one commit, answered together', () => {
  const { groups, answers, commitCount } = openGroups()
  const before = commitCount()
  groups.run([push(1)], followedBy(push(2), push(3)))
  expect(commitCount() - before).toBe(1)
  expect(answers).toEqual([
    [
      [1, [null], null],
      [2, [null], null],
      [3, [null], null],
    ],
  ])
})

it('one that follows and fails leaves the others stored', () => {
  const { groups, answers } = openGroups()
  const bad = push(2, { payload: {} as unknown as string })
  groups.run([push(1)], followedBy(bad, push(3)))
  const [replies = []] = answers
  expect(replies.map(([id, , error]) => [id, error === null])).toEqual([
    [1, true],
    [2, false],
  ])
  groups.run([push(3)], followedBy())
  expect(answers.at(-1)).toEqual([[3, [null], null]])
})

it('what settles or claims waits for nobody', () => {
  const { groups, answers } = openGroups()
  const refuse = (): never => {
    throw new Error('asked for what follows')
  }
  groups.run([{ id: 1, name: 'pauseQueue', args: ['media'] }], { arrived: () => [], following: refuse })
  expect(answers.at(-1)?.map(([id, , error]) => [id, error])).toEqual([[1, null]])
})
