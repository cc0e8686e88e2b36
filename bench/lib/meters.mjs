/** Clocks and CPU meters. */
const MICROSECONDS = 1_000_000

/** Wall-clock ms with a fraction: comparable between processes of one machine. */
export const wallClock = () => performance.timeOrigin + performance.now()

/** Counts the CPU seconds of this process, all its threads, and of the contender's server. */
export async function startCpuMeter(contender) {
  const serverBefore = await contender.serverCpuSeconds()
  const before = process.cpuUsage()
  return async () => {
    const used = process.cpuUsage(before)
    const serverAfter = await contender.serverCpuSeconds()
    return (used.user + used.system) / MICROSECONDS + serverAfter - serverBefore
  }
}

/** Of this process, now. */
export const residentMiB = () => process.memoryUsage.rss() / 2 ** 20

/** Of this process, ever. */
export const residentMiBMax = () => process.resourceUsage().maxRSS / 1024

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
