/** The parts over one client of the AWS SDK, opened at first use. */
import type { SQS } from '@aws-sdk/client-sqs'
import { KerjaError } from '../../errors.js'
import type { Transport } from '../broker/transport.js'
import { createAcknowledge } from './acknowledge.js'
import { createCalls } from './calls.js'
import { createDirectory, type RankPlace } from './directory.js'
import { createClient } from './driver.js'
import { faultOf } from './faults.js'
import { createHeld } from './held.js'
import { LIMITS } from './limits.js'
import type { SqsConfig } from './options.js'
import { createReceive } from './receive.js'
import { createSend } from './send.js'
import { createWatch, type Watch } from './watch.js'

export function createTransport(config: SqsConfig): Transport {
  const { visibilityMs, callTimeoutMs } = config
  const now = (): number => performance.now()
  const running = new Set<Promise<unknown>>()
  let loading: Promise<SQS> | undefined
  let opening: Promise<void> | undefined
  let closing: Promise<void> | undefined

  const client = (): Promise<SQS> => (loading ??= forgotten(createClient(config), () => (loading = undefined)))
  const calls = createCalls({ client, callTimeoutMs })
  const directory = createDirectory({ config, calls, onFound: (place) => watch.noticed(place) })
  const held = createHeld({ calls, visibilityMs, now })
  const watch: Watch = createWatch({ calls, directory, held, visibilityMs, now })
  const send = createSend({ config, calls, directory, onSent: (place) => watch.sent(place) })
  const receive = createReceive({ calls, directory, held, interest: watch, visibilityMs, now })
  const { acknowledge, setAside } = createAcknowledge({ config, calls, directory, held })

  async function depth(queue: string): Promise<number> {
    if (!watch.isWatched(queue)) await directory.discover()
    // Nothing waits where a long poll does.
    const depthOf = async (place: RankPlace): Promise<number> => ((await watch.isPolled(place)) ? 0 : directory.depthOf(place).catch(zeroIfGone))
    const counts = await Promise.all(directory.placesOf(queue).map(depthOf))
    return counts.reduce((sum, count) => sum + count, held.bufferedCount(queue))
  }

  /** Closing waits for it; nothing begins afterwards. */
  function run<Value>(action: () => Promise<Value>): Promise<Value> {
    if (closing !== undefined) return Promise.reject(closedError())
    const result = action()
    running.add(result)
    const over = (): void => void running.delete(result)
    result.then(over, over)
    return result
  }

  async function end(): Promise<void> {
    await Promise.all([watch.close(), Promise.allSettled(running)])
    await held.close()
    await loading?.then((made) => made.destroy()).catch(() => undefined)
  }

  return {
    name: 'sqs',
    location: locationOf(config),
    get bodyBytesMax() {
      return directory.bodyBytesMax()
    },
    // What could not be deleted comes again until SQS drops it for its age.
    redeliveryMs: LIMITS.retentionSeconds * 1_000,
    open: () => run(() => (opening ??= forgotten(directory.probe(), () => (opening = undefined)))),
    close: () => (closing ??= end()),
    send: (messages) => run(() => send(messages)).catch((error: KerjaError) => messages.map(() => error)),
    receive: (queue, max) => run(() => receive(queue, max)),
    // After closing has begun they are given back.
    acknowledge: (messages) => run(() => acknowledge(messages)).catch(() => undefined),
    setAside: (message, reason) => run(() => setAside(message, reason)).catch(() => undefined),
    watch: (queues, onArrival) => (closing === undefined ? watch.watch(queues, onArrival) : () => undefined),
    depth: (queue) => run(() => depth(queue)),
  }
}

/** The next call tries again what failed. */
function forgotten<Value>(result: Promise<Value>, forget: () => void): Promise<Value> {
  result.catch(forget)
  return result
}

const closedError = (): KerjaError => new KerjaError('BACKEND_CLOSED', 'sqs: the transport was closed. Make a new one.')

function zeroIfGone(error: unknown): number {
  if (faultOf(error) === 'no-queue') return 0
  throw error
}

/** Without secrets: for messages. */
function locationOf({ region, prefix, endpoint }: SqsConfig): string {
  const at = endpoint === undefined ? '' : ` at ${new URL(endpoint).origin}`
  return `sqs://${region ?? '(region of the environment)'}/${prefix}${at}`
}
