/** Every topic, in the order a reader would learn the contract. */
import { claimTopic } from './claim.js'
import { crashTopic } from './crash.js'
import { delayTopic } from './delay.js'
import { idempotencyTopic } from './idempotency.js'
import { leaseTopic } from './lease.js'
import { priorityTopic } from './priority.js'
import { pushTopic } from './push.js'
import { retryTopic } from './retry.js'
import { settleTopic } from './settle.js'
import type { ConformanceCase } from './suite.js'
import { uniqueTopic } from './unique.js'

export const ALL_TOPICS: readonly (readonly ConformanceCase[])[] = [
  pushTopic,
  claimTopic,
  priorityTopic,
  delayTopic,
  uniqueTopic,
  idempotencyTopic,
  leaseTopic,
  settleTopic,
  retryTopic,
  crashTopic,
]
