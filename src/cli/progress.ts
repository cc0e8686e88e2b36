/** How far a long command is: a bar that is drawn over itself on a terminal, else a line every few seconds. Always on stderr. */
import type { MoveProgress } from '../forwarder/move.js'
import { cut, shortDuration } from './text.js'

export interface Progress {
  show(progress: MoveProgress): void
  /** Prints something else without spoiling the bar. */
  aside(print: () => void): void
  /** Clears the bar. Idempotent. */
  end(): void
}

export interface ProgressOptions {
  readonly stream: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown }
  readonly quiet: boolean
  /** Monotonic ms. */
  readonly now: () => number
}

const REDRAW_MS = 100
const LINE_MS = 2_000
const BAR_CHARACTERS = 24
const COLUMNS_DEFAULT = 80
const CLEAR_LINE = '\r\u001b[K'
/** The rate is that of the last seconds: an average of all of them would not notice that things changed. */
const RATE_WINDOW_MS = 5_000

const TITLES: Readonly<Record<MoveProgress['phase'], string>> = Object.freeze({
  keys: 'idempotency keys',
  jobs: 'jobs',
  running: 'waiting for running jobs',
  schedules: 'schedules',
  history: 'ended jobs',
})

export function createProgress({ stream, quiet, now }: ProgressOptions): Progress {
  const isTerminal = stream.isTTY === true
  let samples: { readonly at: number; readonly doneCount: number }[] = []
  let phase: MoveProgress['phase'] | undefined
  let shownAt = Number.NEGATIVE_INFINITY
  let drawn = false

  function rate(doneCount: number): number {
    const at = now()
    samples.push({ at, doneCount })
    samples = samples.filter((sample, index) => at - sample.at <= RATE_WINDOW_MS || index === samples.length - 1)
    const [first] = samples
    return first === undefined || at - first.at < REDRAW_MS ? 0 : ((doneCount - first.doneCount) / (at - first.at)) * 1_000
  }

  function clear(): void {
    if (drawn) stream.write(CLEAR_LINE)
    drawn = false
  }

  return {
    show(progress) {
      if (quiet) return
      const began = progress.phase !== phase
      if (began) samples = []
      phase = progress.phase
      const perSecond = rate(progress.doneCount)
      const finished = progress.totalCount !== null && progress.doneCount >= progress.totalCount && progress.doneCount > 0
      if (!finished && now() - shownAt < (isTerminal ? REDRAW_MS : LINE_MS)) return
      // A phase of nothing is not worth a line.
      if (!isTerminal && progress.doneCount === 0) return
      shownAt = now()
      const text = progressText(progress, perSecond, isTerminal)
      if (isTerminal) stream.write(`${CLEAR_LINE}${cut(text, (stream.columns || COLUMNS_DEFAULT) - 1)}`)
      else stream.write(`${text}\n`)
      drawn = isTerminal
    },
    aside(print) {
      clear()
      print()
    },
    end: clear,
  }
}

/** `jobs  [######------]  25%  12000/48000  9800/s  ETA 4s` */
export function progressText({ phase, doneCount, totalCount }: MoveProgress, perSecond: number, bar: boolean): string {
  const total = totalCount === null ? null : Math.max(totalCount, doneCount)
  const share = total === null || total === 0 ? null : doneCount / total
  const filled = share === null ? 0 : Math.round(share * BAR_CHARACTERS)
  const parts = [
    TITLES[phase],
    bar && share !== null ? `[${'#'.repeat(filled)}${'-'.repeat(BAR_CHARACTERS - filled)}]` : null,
    share === null ? null : `${Math.floor(share * 100)}%`,
    total === null ? String(doneCount) : `${doneCount}/${total}`,
    perSecond > 0 ? `${Math.round(perSecond)}/s` : null,
    perSecond > 0 && total !== null && total > doneCount ? `ETA ${shortDuration(Math.ceil((total - doneCount) / perSecond) * 1_000)}` : null,
  ]
  return parts.filter((part) => part !== null).join('  ')
}
