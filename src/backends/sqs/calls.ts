/**
 * Requests to SQS: a bounded number at a time, each tried again while its failure passes by itself and time is left. Every try has a timer that ends
 * it, so that closing can wait for all of them.
 */
import type { SQS } from '@aws-sdk/client-sqs'
import { codedFromSdk, faultOf } from './faults.js'
import { OURS } from './limits.js'

export interface RequestOptions {
  readonly abortSignal: AbortSignal
}
export type Request<Output> = (sqs: SQS, options: RequestOptions) => Promise<Output>

export interface Calls {
  /** `what` is for messages: `SendMessageBatch to kerja-mail-normal`. @throws a coded error with a fault, see faults.ts, or what opening throws */
  run<Output>(what: string, request: Request<Output>): Promise<Output>
  /** One try, outside the number of those in flight: for long polls, and at the end. */
  once<Output>(what: string, limits: OnceLimits, request: Request<Output>): Promise<Output>
}

export interface OnceLimits {
  readonly timeoutMs: number
  /** Ends it sooner. */
  readonly signal?: AbortSignal
}

export interface CallParts {
  readonly client: () => Promise<SQS>
  readonly callTimeoutMs: number
}

export function createCalls({ client, callTimeoutMs }: CallParts): Calls {
  const waiting: (() => void)[] = []
  let inFlightCount = 0

  async function attempt<Output>(what: string, { timeoutMs, signal }: OnceLimits, request: Request<Output>): Promise<Output> {
    const sqs = await client()
    const controller = new AbortController()
    const abort = (): void => controller.abort()
    if (signal?.aborted === true) abort()
    signal?.addEventListener('abort', abort)
    const timer = setTimeout(abort, timeoutMs)
    try {
      return await request(sqs, { abortSignal: controller.signal })
    } catch (error) {
      throw codedFromSdk(error, what)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }

  async function admitted<Output>(action: () => Promise<Output>): Promise<Output> {
    if (inFlightCount >= OURS.requestsMax) await new Promise<void>((resolve) => waiting.push(resolve))
    else inFlightCount++
    try {
      return await action()
    } finally {
      // The place goes to the next one in line, so the count stays.
      const next = waiting.shift()
      if (next === undefined) inFlightCount--
      else next()
    }
  }

  async function repeat<Output>(what: string, request: Request<Output>): Promise<Output> {
    const deadline = performance.now() + callTimeoutMs
    for (let failureCount = 0; ; failureCount++) {
      const tryMs = Math.min(deadline - performance.now(), callTimeoutMs / OURS.triesInCallMin)
      try {
        return await admitted(() => attempt(what, { timeoutMs: Math.max(1, tryMs) }, request))
      } catch (error) {
        if (faultOf(error) !== 'passes' || !(await pause(failureCount, deadline))) throw error
      }
    }
  }

  return { run: repeat, once: attempt }
}

/** Waits before another try, or answers false when `deadline` would pass meanwhile. Full jitter: processes that failed together do not come back together. */
export async function pause(failureCount: number, deadline: number): Promise<boolean> {
  const waitMs = Math.random() * Math.min(OURS.backoffMaxMs, OURS.backoffFirstMs * 2 ** failureCount)
  if (performance.now() + waitMs >= deadline) return false
  await new Promise((resolve) => setTimeout(resolve, waitMs))
  return true
}

/** `count` of them run at a time, in order. */
export async function inParallel<Item>(items: readonly Item[], count: number, action: (item: Item) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < items.length) await action(items[next++] as Item)
  }
  await Promise.all(Array.from({ length: Math.min(count, items.length) }, lane))
}

export function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  const chunks: Item[][] = []
  for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size))
  return chunks
}
