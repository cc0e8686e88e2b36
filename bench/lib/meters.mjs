/** Clocks, and meters of what a measurement spends. */
import { readFileSync } from 'node:fs'

const MICROSECONDS = 1_000_000

/** Wall-clock ms with a fraction: comparable between processes of one machine. */
export const wallClock = () => performance.timeOrigin + performance.now()

/** Null where a meter could not be read: no figure is better than a wrong one. */
const difference = (after, before) => (after == null || before == null ? null : after - before)

/**
 * Counts what is spent from now on: CPU seconds of this process with all its threads, of the contender's server, and bytes of the server's
 * write-ahead log. The server's are null where they cannot be known.
 */
export async function startCostMeter(contender) {
  const walBefore = await contender.walBytes?.()
  const serverBefore = await contender.serverCpuSeconds()
  const before = process.cpuUsage()
  return async () => {
    const used = process.cpuUsage(before)
    const serverAfter = await contender.serverCpuSeconds()
    const walAfter = await contender.walBytes?.()
    return {
      client: (used.user + used.system) / MICROSECONDS,
      server: difference(serverAfter, serverBefore),
      walBytes: difference(walAfter, walBefore),
    }
  }
}

/** The figures per job that a cost makes. */
export function costPerJob({ client, server, walBytes }, count) {
  const per10k = (seconds) => (seconds === null ? null : (seconds / count) * 10_000)
  return {
    cpu: per10k(server === null ? null : client + server),
    clientCpu: per10k(client),
    serverCpu: per10k(server),
    wal: walBytes === null ? null : walBytes / count,
  }
}

/** Of this process, now. */
export const residentMiB = () => process.memoryUsage.rss() / 2 ** 20

/**
 * Of this process, ever. On Linux from `VmHWM`, which begins anew with the program; `ru_maxrss` keeps what the parent had before `exec` (getrusage(2), proc(5)).
 */
export function residentMiBMax() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS / 1024
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(kibibytes) / 1024
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
