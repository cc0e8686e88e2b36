/** The application's processes: one for the web, several workers. A worker that dies is replaced, as a process manager would. */
import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { Told } from '../app/tell-parent.js'

export interface CrewOptions {
  readonly workers: number
  readonly environment: Readonly<Record<string, string>>
  /** Where their output goes. */
  readonly logFolder: string
  readonly onEvent: (worker: string, told: Told) => void
}

export interface Member {
  readonly name: string
  readonly process: ChildProcess
  /** Kinds of the jobs that run in it, by id. */
  readonly running: ReadonlyMap<string, string>
}

export interface Crew {
  readonly webUrl: string
  workers(): readonly Member[]
  /** Kills without a chance to tidy up, and starts a replacement. */
  kill(member: Member): Promise<void>
  /** Processes that ended without being told to. */
  readonly deserters: readonly string[]
  stop(): Promise<void>
}

const STOP_MS = 20_000

export async function startCrew(options: CrewOptions): Promise<Crew> {
  const deserters: string[] = []
  const workers = new Map<string, Member>()
  const expected = new Set<ChildProcess>()
  let hired = 0

  function launch(name: string, module: string): ChildProcess {
    const log = openSync(join(options.logFolder, `${name}.log`), 'a')
    const child = fork(new URL(module, import.meta.url), { env: { ...process.env, ...options.environment }, stdio: ['ignore', log, log, 'ipc'] })
    closeSync(log)
    child.once('exit', (code, signal) => {
      workers.delete(name)
      if (!expected.has(child)) deserters.push(`${name} ended with ${signal ?? code}`)
    })
    return child
  }

  function hire(): void {
    hired += 1
    const name = `worker-${hired}`
    const running = new Map<string, string>()
    const child = launch(name, '../worker/main.js')
    child.on('message', (told: Told) => {
      if (told.name === 'job.started') running.set(told.jobId as string, told.kind as string)
      else if (told.jobId !== null && told.name !== 'job.rescued') running.delete(told.jobId)
      options.onEvent(name, told)
    })
    workers.set(name, { name, process: child, running })
  }

  const web = launch('web', '../web/main.js')
  web.on('message', (told: Told) => {
    if (told.type === 'event') options.onEvent('web', told)
  })
  const webUrl = await addressOf(web)
  for (let count = 0; count < options.workers; count += 1) hire()

  return {
    webUrl,
    workers: () => [...workers.values()],
    kill: async (member) => {
      expected.add(member.process)
      const gone = ended(member.process)
      member.process.kill('SIGKILL')
      await gone
      hire()
    },
    deserters,
    stop: async () => {
      const all = [web, ...[...workers.values()].map((member) => member.process)]
      for (const child of all) expected.add(child)
      await Promise.all(all.map(stop))
    },
  }
}

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : new Promise((resolve) => child.once('exit', () => resolve()))

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended(child)
  clearTimeout(timer)
}

/** The web process says where it listens, once it does. */
function addressOf(web: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    web.on('message', (message: { type: string; url: string }) => message.type === 'listening' && resolve(message.url))
    web.once('exit', (code) => reject(new Error(`The web process ended with ${code} before it listened.`)))
  })
}
