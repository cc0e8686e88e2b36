import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createTouch, wakePathOf } from './wake.js'

function sender() {
  const folder = mkdtempSync(join(tmpdir(), 'kerja-wake-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const store = join(folder, 'later', 'jobs.db')
  const touch = createTouch(store)
  onTestFinished(() => touch.close())
  return { folder: join(folder, 'later'), file: wakePathOf(store, 'available'), touch: () => touch.touch('available') }
}

/** Longer than the interval, and without a turn of the event loop: as in a thread that is never idle. */
function passTime(): void {
  const startedAt = performance.now()
  while (performance.now() - startedAt < 5);
}

describe('touch', () => {
  it('goes on while the event loop gets no turn', () => {
    const { folder, file, touch } = sender()
    mkdirSync(folder)
    touch()
    // At once: it would be touched by a timer.
    touch()
    utimesSync(file, 0, 0)
    passTime()
    touch()
    expect(statSync(file).mtimeMs).toBeGreaterThan(0)
  })

  it('is a hint: one that fails is given up, and the next opens the file anew', () => {
    const { folder, file, touch } = sender()
    touch()
    mkdirSync(folder)
    passTime()
    touch()
    expect(statSync(file).mtimeMs).toBeGreaterThan(0)
  })
})
