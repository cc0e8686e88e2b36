import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createReserve } from './reserve.js'

it('a reserve that another process gave up is taken back', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const folder = mkdtempSync(join(tmpdir(), 'kerja-reserve-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const store = join(folder, 'jobs.db')
  const file = `${store}-kerja-reserve`
  const [mine, another] = [createReserve(store), createReserve(store)]
  expect(mine.keep()).toBe(true)
  another.giveUp()
  expect(existsSync(file)).toBe(false)
  vi.advanceTimersByTime(1_000)
  expect(mine.keep()).toBe(true)
  expect(statSync(file).size).toBe(4 * 1024 * 1024)
})
