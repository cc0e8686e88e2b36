/** Every topic, in the order a reader would learn the contract. */

import { acceptTopic } from './accept.js'
import { cancelTopic } from './cancel.js'
import { claimTopic } from './claim.js'
import { closingTopic } from './closing.js'
import { concurrencyTopic } from './concurrency.js'
import { crashTopic } from './crash.js'
import { delayTopic } from './delay.js'
import { expireTopic } from './expire.js'
import { holdTopic } from './hold.js'
import { idempotencyTopic } from './idempotency.js'
import { leaseTopic } from './lease.js'
import { ledgerTopic } from './ledger.js'
import { pauseTopic } from './pause.js'
import { priorityTopic } from './priority.js'
import { pruneTopic } from './prune.js'
import { pushTopic } from './push.js'
import { recordTopic } from './record.js'
import { retryTopic } from './retry.js'
import { scheduleTopic } from './schedule.js'
import { settleTopic } from './settle.js'
import type { ConformanceCase } from './suite.js'
import { transactionTopic } from './transaction.js'
import { transferTopic } from './transfer.js'
import { uniqueTopic } from './unique.js'
import { wakeTopic } from './wake.js'
import { withoutLedgerTopic } from './without-ledger.js'
import { workersTopic } from './workers.js'

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
  cancelTopic,
  ledgerTopic,
  recordTopic,
  pauseTopic,
  holdTopic,
  scheduleTopic,
  workersTopic,
  expireTopic,
  pruneTopic,
  wakeTopic,
  transactionTopic,
  transferTopic,
  acceptTopic,
  concurrencyTopic,
  closingTopic,
  withoutLedgerTopic,
]
