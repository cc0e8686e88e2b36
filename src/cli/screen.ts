/** The whole terminal as a page: another screen buffer, no cursor, keys read one by one. Everything is put back at the end. */
import type { ReadStream, WriteStream } from 'node:tty'

const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'
/** For a terminal that does not say how large it is. */
const COLUMNS_DEFAULT = 80
const ROWS_DEFAULT = 24
const CTRL_C = '\u0003'

export interface Screen {
  /** The user asked to leave, or the process was asked to end. */
  readonly ended: boolean
  readonly width: number
  /** Draws lines over the last ones, without flicker; what does not fit is left out. */
  show(lines: readonly string[]): void
  /** Waits; a key, a resize or the end cuts it short. */
  pause(ms: number): Promise<void>
  close(): void
}

export function createScreen(input: ReadStream, output: WriteStream): Screen {
  let ended = false
  let wake: () => void = () => undefined

  const end = () => {
    ended = true
    wake()
  }
  const onKey = (key: string) => {
    if (key === 'q' || key === 'Q' || key === CTRL_C) end()
    else wake()
  }
  const onResize = () => wake()

  output.write(ENTER)
  input.setRawMode(true).setEncoding('utf8').on('data', onKey).resume()
  output.on('resize', onResize)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, end)
  // An error on its way out must not leave the terminal on our page.
  const restore = () => void output.write(LEAVE)
  process.once('exit', restore)

  return {
    get ended() {
      return ended
    },
    get width() {
      return output.columns || COLUMNS_DEFAULT
    },
    show: (lines) => {
      const shown = lines.slice(0, (output.rows || ROWS_DEFAULT) - 1)
      output.write(`${HOME}${shown.map((line) => `${line}${CLEAR_LINE}`).join('\n')}\n${CLEAR_BELOW}`)
    },
    pause: (ms) =>
      new Promise((resolve) => {
        if (ended) return resolve()
        const timer = setTimeout(resolve, ms)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      }),
    close: () => {
      input.off('data', onKey).setRawMode(false).pause()
      output.off('resize', onResize)
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.off(signal, end)
      process.off('exit', restore)
      restore()
    },
  }
}
