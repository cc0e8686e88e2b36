/** Makes clips that every browser plays, by ffmpeg. */
import { spawn, spawnSync } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { createInterface } from 'node:readline'
import { replaceFile } from './files.js'

export const hasFfmpeg = (): boolean => spawnSync('ffmpeg', ['-version'], { stdio: 'ignore' }).status === 0

export interface TranscodeOptions {
  /** From 0 to 1. */
  readonly onProgress: (fraction: number) => void
  /** Ends ffmpeg: a job that was cancelled or timed out must not go on burning a core. */
  readonly signal: AbortSignal
}

export async function transcodeClip(source: string, target: string, options: TranscodeOptions): Promise<void> {
  const durationMs = probeDurationMs(source)
  await replaceFile(target, (temporary) =>
    runFfmpeg(['-i', source, '-vf', 'scale=-2:360', '-c:v', 'libx264', '-preset', 'medium', '-threads', '1', '-f', 'mp4', temporary], {
      ...options,
      durationMs,
    }),
  )
}

function runFfmpeg(parameters: readonly string[], { onProgress, signal, durationMs }: TranscodeOptions & { durationMs: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-progress', 'pipe:1', ...parameters], {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    })
    // Encoding can wait a moment, people cannot: where both want a core, it goes to the others.
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL)
    let complaint = ''
    child.stderr.on('data', (chunk: Buffer) => {
      complaint = `${complaint}${chunk}`.slice(-500)
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, microseconds] = /^out_time_us=(\d+)$/.exec(line) ?? []
      if (microseconds !== undefined) onProgress(Math.min(1, Number(microseconds) / 1000 / durationMs))
    })
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`ffmpeg ended with ${code}: ${complaint.trim()}`))))
  })
}

/** @throws when it is not a clip. */
export function probeDurationMs(path: string): number {
  const { status, stdout } = spawnSync('ffprobe', ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', path], { encoding: 'utf8' })
  const seconds = Number.parseFloat(stdout)
  if (status !== 0 || Number.isNaN(seconds)) throw new Error(`ffprobe finds no clip in ${path}.`)
  return seconds * 1000
}
