// A heartbeat module that counts its beats, and ends its thread once after as many as its config says (0: never).
import { setImmediate } from 'node:timers/promises'

export function openHeartbeat({ buffer }) {
  const cells = new Int32Array(buffer)
  return {
    async beat() {
      // Takes a few turns, as a real one does.
      await setImmediate()
      const count = Atomics.add(cells, 0, 1) + 1
      if (cells[1] !== 0 && count > cells[1]) {
        cells[1] = 0
        process.exit(7)
      }
      return { alive: true, held: [] }
    },
    close: () => undefined,
  }
}
