/** What the demo prints while it runs: one line that is written over on a terminal, a line now and then elsewhere, and what happened in between. */
import { stdout } from 'node:process'

export interface LiveLine {
  /** Something that happened: it stays. */
  say(text: string): void
  stop(): void
}

const TERMINAL_EVERY_MS = 200
const PLAIN_EVERY_MS = 5_000

/** `status` makes the line. */
export function startLiveLine(status: () => string): LiveLine {
  const startedAt = performance.now()
  const stamp = () => `${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  `
  const clear = () => (stdout.isTTY ? stdout.write('\r\x1b[2K') : true)
  const show = () => {
    if (!stdout.isTTY) return stdout.write(`${stamp()}${status()}\n`)
    clear()
    // A line that wraps could not be written over.
    return stdout.write(`${stamp()}${status()}`.slice(0, stdout.columns - 1))
  }
  const timer = setInterval(show, stdout.isTTY ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS)

  return {
    say: (text) => {
      clear()
      stdout.write(`${stamp()}${text}\n`)
    },
    stop: () => {
      clearInterval(timer)
      clear()
    },
  }
}
