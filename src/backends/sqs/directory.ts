/**
 * Which queues of SQS there are. A queue is created at the first send to its queue and priority, so those that exist are those in use: nobody asks
 * the others for messages. What is known is kept until SQS says that a queue is gone.
 */
import { PRIORITIES, type PriorityRank } from '../../core/state.js'
import type { Calls } from './calls.js'
import { coded, faultOf } from './faults.js'
import { LIMITS } from './limits.js'
import { deadName, parseRankName, type Rank, rankName } from './names.js'
import type { SqsConfig } from './options.js'
import { type Attributes, createQueues, type Place } from './queues.js'

/** One that carries jobs. */
export interface RankPlace extends Place, Rank {}

export interface Directory {
  /** Asks SQS something, so that one knows that it answers and whose one is; learns of the queue `default` by it. */
  probe(): Promise<void>
  /** The place of these jobs, created when there is none. */
  placeFor(rank: Rank): Promise<RankPlace>
  /** The same for what nobody can read. */
  deadPlaceFor(queue: string): Promise<Place>
  /** The places of a queue that are known, most urgent first. */
  placesOf(queue: string): RankPlace[]
  /** Asks SQS for places that are not known, of all queues. */
  discover(): Promise<void>
  /** The largest message that the place takes. */
  bodyBytesMaxOf(place: Place): Promise<number>
  /** The least of those that are known. */
  bodyBytesMax(): number
  /** How many messages wait there, roughly. */
  depthOf(place: Place): Promise<number>
  /** SQS says that it does not exist. */
  forget(place: Place): void
}

export interface DirectoryParts {
  readonly config: SqsConfig
  readonly calls: Calls
  /** A place has become known. */
  readonly onFound: (place: RankPlace) => void
}

export function createDirectory({ config, calls, onFound }: DirectoryParts): Directory {
  const queues = createQueues(config, calls)
  const urls = new Map<string, string>()
  const opening = new Map<string, Promise<string>>()
  const sizes = new Map<string, number>()

  function learn({ name, url }: Place): void {
    if (urls.get(name) === url) return
    urls.set(name, url)
    const rank = parseRankName(config, name)
    if (rank !== null) onFound({ name, url, ...rank })
  }

  function forget({ name }: Place): void {
    urls.delete(name)
    sizes.delete(name)
  }

  async function make(name: string, further: Attributes): Promise<string> {
    // Somebody else's, perhaps of another version of us, serves as it is.
    const url = (await queues.create(name, further)) ?? (await queues.find(name))
    if (url === null) throw coded('taken', `CreateQueue of ${name}`, 'it is there and it is not')
    return url
  }

  /** Concurrent calls share one. */
  function ensure(name: string, furtherFor: () => Promise<Attributes>): Promise<string> {
    const known = urls.get(name)
    if (known !== undefined) return Promise.resolve(known)
    const running = opening.get(name)
    if (running !== undefined) return running
    const begun = (async () => {
      const found = await queues.find(name)
      if (found === null && !config.create) throw coded('no-queue', `Looking for ${name}`, 'there is no such queue, and `create` is false')
      const url = found ?? (await make(name, await furtherFor()))
      learn({ name, url })
      return url
    })().finally(() => opening.delete(name))
    opening.set(name, begun)
    return begun
  }

  async function attributesOf(place: Place, ...names: (keyof Attributes)[]): Promise<Attributes> {
    try {
      return await queues.attributesOf(place, names)
    } catch (error) {
      if (faultOf(error) === 'no-queue') forget(place)
      throw error
    }
  }

  async function deadPlaceFor(queue: string): Promise<Place> {
    const name = deadName(config, queue)
    return { name, url: await ensure(name, async () => ({})) }
  }

  return {
    async probe() {
      const name = rankName(config, PROBED)
      const url = await queues.find(name)
      if (url !== null) learn({ name, url })
    },
    async placeFor(rank) {
      const name = rankName(config, rank)
      const url = await ensure(name, async () => {
        const { QueueArn } = await attributesOf(await deadPlaceFor(rank.queue), 'QueueArn')
        return { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: QueueArn, maxReceiveCount: LIMITS.receiveCountMax }) }
      })
      return { name, url, queue: rank.queue, rank: rank.rank }
    },
    deadPlaceFor,
    placesOf: (queue) =>
      PRIORITIES.flatMap((_, position) => {
        const rank = { queue, rank: position as PriorityRank }
        const name = rankName(config, rank)
        const url = urls.get(name)
        return url === undefined ? [] : [{ name, url, ...rank }]
      }),
    discover: async () => (await queues.list()).forEach(learn),
    async bodyBytesMaxOf(place) {
      const known = sizes.get(place.name)
      if (known !== undefined) return known
      const { MaximumMessageSize, MessageRetentionPeriod } = await attributesOf(place, 'MaximumMessageSize', 'MessageRetentionPeriod')
      const size = Number(MaximumMessageSize ?? LIMITS.bodyBytesMax)
      sizes.set(place.name, size)
      warnOfShortRetention(config, place, Number(MessageRetentionPeriod ?? LIMITS.retentionSeconds))
      return size
    },
    bodyBytesMax: () => Math.min(LIMITS.bodyBytesMax, ...sizes.values()),
    forget,
    depthOf: async (place) => Number((await attributesOf(place, 'ApproximateNumberOfMessages')).ApproximateNumberOfMessages ?? 0),
  }
}

function warnOfShortRetention({ logger }: SqsConfig, { name }: Place, keptSeconds: number): void {
  if (keptSeconds >= LIMITS.retentionSeconds) return
  logger?.warn(
    `The queue ${name} keeps messages for ${keptSeconds} s, then drops jobs that nobody has taken: set its MessageRetentionPeriod to ${LIMITS.retentionSeconds}.`,
    { queue: name, keptSeconds },
  )
}

/** Any name that the policy of a process allows serves. */
const PROBED: Rank = { queue: 'default', rank: 2 }
