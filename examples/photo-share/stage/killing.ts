/** Kills the busiest worker without warning and watches others take over what it ran. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Told } from '../app/tell-parent.js'
import type { Crew, Member } from './crew.js'

export interface Killing {
  readonly worker: string
  /** Jobs that ran in it when it was killed. */
  readonly jobs: number
  /** Of those: how many another worker has started since. */
  takenOver: number
  /** Of those: ended in the very moment before the kill. */
  settled: number
  /** From the kill until the last of them was back in its queue … */
  rescuedMs: number
  /** … and until the last of them, having waited its turn, ran in another worker. */
  restartedMs: number
}

export interface Killer {
  /** Hears what the workers tell. */
  event(worker: string, told: Told): void
  /** Waits for a worker that is worth killing. null when none was within the limit. */
  kill(crew: Crew): Promise<Killing | null>
  /** Ids of the jobs of which nothing more was heard: their worker had settled them but could not say so any more, or they are lost. */
  unheard(): readonly string[]
}

const BUSY_JOBS = 4
const LOOK_EVERY_MS = 20
const WAIT_MAX_MS = 15_000

export function createKiller(say: (text: string) => void): Killer {
  let killing: Killing | null = null
  let killedAtMs = 0
  const orphans = new Map<string, string>()

  return {
    event: (worker, { name, jobId }) => {
      if (killing === null || jobId === null || !orphans.has(jobId)) return
      const sinceKillMs = performance.now() - killedAtMs
      if (name === 'job.rescued') {
        killing.rescuedMs = sinceKillMs
        return
      }
      orphans.delete(jobId)
      // What the dead worker had said before its death arrives after it.
      if (worker === killing.worker) killing.settled += 1
      else {
        killing.takenOver += 1
        killing.restartedMs = sinceKillMs
      }
      if (orphans.size === 0) say(`the last of its jobs was taken over ${(sinceKillMs / 1000).toFixed(1)} s after the kill`)
    },

    kill: async (crew) => {
      const victim = await findBusy(crew)
      if (victim === null) return null
      for (const [id, kind] of victim.running) orphans.set(id, kind)
      killing = { worker: victim.name, jobs: orphans.size, takenOver: 0, settled: 0, rescuedMs: 0, restartedMs: 0 }
      killedAtMs = performance.now()
      say(`${victim.name} is killed (SIGKILL) while it runs ${describe([...orphans.values()])}`)
      await crew.kill(victim)
      return killing
    },

    unheard: () => [...orphans.keys()],
  }
}

/** The one that runs most; one with a clip, the longest job, before the others. */
async function findBusy(crew: Crew): Promise<Member | null> {
  const weight = ({ running }: Member) => running.size + ([...running.values()].includes('clip.transcode') ? 100 : 0)
  const deadline = performance.now() + WAIT_MAX_MS
  while (performance.now() < deadline) {
    const [busiest] = crew.workers().toSorted((a, b) => weight(b) - weight(a))
    if (busiest !== undefined && busiest.running.size >= BUSY_JOBS) return busiest
    await sleep(LOOK_EVERY_MS)
  }
  return null
}

function describe(kinds: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return [...counts].map(([kind, count]) => (count === 1 ? kind : `${count} × ${kind}`)).join(', ')
}
