/** Starts `worker-process.mjs` and follows what it says. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

export interface WorkerProcess {
  readonly child: ChildProcess
  /** Resolves when the process has said this. */
  said(word: string): Promise<void>
  readonly words: readonly string[]
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
}

/** `path`: of a SQLite file; `postgres`: options of that backend. */
export interface WorkerProcessParameters {
  readonly path?: string
  readonly postgres?: { readonly url: string; readonly schema: string }
  readonly mode: string
  readonly shutdownGrace?: string
}

export function startWorkerProcess(parameters: WorkerProcessParameters): WorkerProcess {
  const script = new URL('./worker-process.mjs', import.meta.url).pathname
  const child = spawn(process.execPath, [script, JSON.stringify(parameters)], { stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const words: string[] = []
  const waiters = new Set<() => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    words.push(line)
    for (const check of [...waiters]) check()
  })
  return {
    child,
    words,
    said: (word) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!words.includes(word)) return
          waiters.delete(check)
          resolve()
        }
        waiters.add(check)
        check()
      }),
    exited: new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal }))),
  }
}
