/** What a conformance case is, when it applies, and what is remembered of its run. Nothing here knows a test runner or a backend. */
import type { Capabilities } from '../../contract/index.js'
import type { Stage } from './stage.js'

export type CapabilityName = keyof Capabilities

export interface ConformanceCase {
  readonly topic: string
  readonly title: string
  /** Runs only where the backend has all of these. */
  readonly needs: readonly CapabilityName[]
  /** A negative case: runs only where the backend lacks this, and shows how it refuses. */
  readonly lacks: CapabilityName | null
  readonly run: (stage: Stage) => Promise<void>
}

/** Filled while the cases run; give it to `capabilityTable` afterwards. */
export interface ConformanceReport {
  readonly name: string
  readonly capabilities: Capabilities
  readonly results: ConformanceResult[]
}

export interface ConformanceResult {
  readonly topic: string
  readonly title: string
  readonly needs: readonly CapabilityName[]
  readonly lacks: CapabilityName | null
  readonly passed: boolean
}

/** `store` time, an absent limit and a `true` are the full power; anything else is less. */
export const isFull = (capabilities: Capabilities, name: CapabilityName): boolean => {
  const value = capabilities[name]
  return value === true || value === null || value === 'store'
}

export const applies = (check: ConformanceCase, capabilities: Capabilities): boolean =>
  check.needs.every((name) => isFull(capabilities, name)) && (check.lacks === null || !isFull(capabilities, check.lacks))

export interface TopicBuilder {
  /** A case for every backend with the topic's needs. */
  check(title: string, run: (stage: Stage) => Promise<void>): void
  /** A case for backends that have these too. */
  where(needs: readonly CapabilityName[], title: string, run: (stage: Stage) => Promise<void>): void
  /** A case for backends that lack this and have what the case needs; the topic's needs do not apply. */
  without(lacks: CapabilityName, title: string, run: (stage: Stage) => Promise<void>, needs?: readonly CapabilityName[]): void
}

export function topic(name: string, needs: readonly CapabilityName[], define: (builder: TopicBuilder) => void): readonly ConformanceCase[] {
  const cases: ConformanceCase[] = []
  define({
    check: (title, run) => cases.push({ topic: name, title, needs, lacks: null, run }),
    where: (more, title, run) => cases.push({ topic: name, title, needs: [...needs, ...more], lacks: null, run }),
    without: (lacks, title, run, own = []) => cases.push({ topic: name, title, needs: own, lacks, run }),
  })
  return cases
}
