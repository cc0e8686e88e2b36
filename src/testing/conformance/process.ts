/** A worker process that really dies: it opens its heartbeat, beats once, and is killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { HeartbeatSource } from '../../contract/index.js'

const SCRIPT = `
process.send({ ready: true })
process.on('message', async ({ module, config, workerId }) => {
  const { openHeartbeat } = await import(module)
  const heartbeat = await openHeartbeat(config, workerId)
  await heartbeat.beat()
  process.send({ beaten: true })
})
`

/**
 * Runs `register` with the child's pid (it returns the worker's id), lets the child beat for that worker, kills it, and resolves when it is gone.
 * A manual clock cannot cross processes: the child's beat carries the system's time.
 */
export async function killedProcess(
  source: Extract<HeartbeatSource, { readonly kind: 'thread' }>,
  register: (pid: number) => Promise<string>,
): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', SCRIPT], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  try {
    await once(child, 'message')
    const workerId = await register(child.pid as number)
    child.send({ module: source.module, config: withoutSharedMemory(source.config), workerId })
    await once(child, 'message')
    return workerId
  } finally {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
}

function withoutSharedMemory(value: unknown): unknown {
  if (value instanceof SharedArrayBuffer) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withoutSharedMemory(part)]))
}
