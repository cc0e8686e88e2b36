/** Backends that misbehave on purpose: a wrapper replaces single methods and leaves the rest. */
import type { Backend, BeatResult, HeartbeatConnection, HeartbeatModule, Queue } from 'kerja/backend'

export const withQueue = (backend: Backend, change: (queue: Queue) => Partial<Queue>): Backend => ({
  ...backend,
  queue: { ...backend.queue, ...change(backend.queue) },
})

/** Renews on the main thread whatever the backend does, each beat through `around`. */
export function withBeat(backend: Backend, around: (beat: () => BeatResult | Promise<BeatResult>) => BeatResult | Promise<BeatResult>): Backend {
  const source = backend.queue.heartbeat
  const connect = async (workerId: string): Promise<HeartbeatConnection> => {
    if (source.kind === 'inline') return source.open(workerId)
    const { openHeartbeat } = (await import(source.module)) as HeartbeatModule
    return openHeartbeat(source.config, workerId)
  }
  const open = (workerId: string): HeartbeatConnection => {
    const connection = connect(workerId)
    return {
      beat: async () => {
        const { beat } = await connection
        return around(beat)
      },
      close: async () => (await connection).close(),
    }
  }
  return withQueue(backend, () => ({ heartbeat: { kind: 'inline', open } }))
}
