/** Refuses every call once closed, and knows when those before have ended. */
import type { KerjaError } from '../../errors.js'

export interface Guard {
  /** @throws {BACKEND_CLOSED} */
  check(): void
  one<Given extends unknown[], Answer>(method: (...given: Given) => Promise<Answer>): (...given: Given) => Promise<Answer>
  all<Part extends object>(part: Part): Part
  /** Resolves when no call is under way. */
  idle(): Promise<void>
  /** Runs once. Never rejects. */
  close(run: () => Promise<void>): Promise<void>
}

export function createGuard(closedError: () => KerjaError): Guard {
  const running = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined

  const check = (): void => {
    if (closing !== undefined) throw closedError()
  }

  const one: Guard['one'] =
    (method) =>
    async (...given) => {
      check()
      const call = method(...given)
      running.add(call)
      try {
        return await call
      } finally {
        running.delete(call)
      }
    }

  return {
    check,
    one,
    all: <Part extends object>(part: Part): Part =>
      Object.fromEntries(Object.entries(part).map(([name, method]) => [name, one(method as (...given: unknown[]) => Promise<unknown>)])) as Part,
    idle: async () => void (await Promise.allSettled([...running])),
    close(run) {
      closing ??= run()
      return closing
    },
  }
}
