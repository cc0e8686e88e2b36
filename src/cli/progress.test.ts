import { describe, expect, it } from 'vitest'
import { createProgress, progressText } from './progress.js'

describe('progressText', () => {
  it('tells share, rate and the time that is left', () => {
    const progress = { phase: 'jobs', doneCount: 12_000, totalCount: 48_000 } as const
    expect(progressText(progress, 9_000, true)).toBe('jobs  [######------------------]  25%  12000/48000  9000/s  ETA 4s')
    expect(progressText(progress, 0, false)).toBe('jobs  25%  12000/48000')
  })

  it('does without a total, and keeps to it when more came than was there', () => {
    expect(progressText({ phase: 'keys', doneCount: 7, totalCount: null }, 0, true)).toBe('idempotency keys  7')
    expect(progressText({ phase: 'history', doneCount: 12, totalCount: 10 }, 5, false)).toBe('ended jobs  100%  12/12  5/s')
    expect(progressText({ phase: 'jobs', doneCount: 0, totalCount: 0 }, 0, false)).toBe('jobs  0/0')
  })
})

describe('createProgress', () => {
  const open = (isTTY: boolean, quiet = false) => {
    let text = ''
    let now = 0
    const stream = { isTTY, columns: 40, write: (more: string) => (text += more) }
    const progress = createProgress({ stream, quiet, now: () => now })
    return {
      progress,
      jobs: (doneCount: number, at: number) => {
        now = at
        progress.show({ phase: 'jobs', doneCount, totalCount: 1_000 })
      },
      read: () => text,
    }
  }

  it('draws a bar over itself, no wider than the terminal, and clears it', () => {
    const { progress, jobs, read } = open(true)
    jobs(10, 0)
    jobs(20, 50)
    jobs(500, 1_000)
    progress.aside(() => undefined)
    progress.end()
    const lines = read().split('\r\u001b[K')
    expect(lines).toHaveLength(4)
    expect(lines[1]).toContain('1%')
    expect(lines[2]).toMatch(/^jobs {2}\[#{12}-{12}\].*…$/)
    expect([...(lines[2] as string)]).toHaveLength(39)
    expect(lines[3]).toBe('')
  })

  it('prints a line now and then where there is no terminal, and the last one always', () => {
    const { jobs, read } = open(false)
    jobs(0, 0)
    jobs(10, 10)
    jobs(20, 500)
    jobs(300, 2_500)
    jobs(1_000, 2_600)
    expect(read().trimEnd().split('\n')).toEqual(['jobs  1%  10/1000', 'jobs  30%  300/1000  120/s  ETA 6s', 'jobs  100%  1000/1000  385/s'])
  })

  it('says nothing when asked to be quiet', () => {
    const { jobs, read } = open(true, true)
    jobs(10, 0)
    expect(read()).toBe('')
  })
})
