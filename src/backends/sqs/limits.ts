/** What Amazon SQS permits, by its documentation, and what we permit ourselves. «Quotas»: SQS Developer Guide, «Amazon SQS quotas» (queues, messages). */

export const LIMITS = Object.freeze({
  /** Quotas, queues: a name has up to 80 of `A-Z a-z 0-9 _ -`; `.fifo` counts. */
  nameCharactersMax: 80,
  /** Quotas, messages: entries of one batch, and messages of one receive. */
  batchEntriesMax: 10,
  /** Quotas, messages: a message and a whole batch, since August 2025. Assumed until the `MaximumMessageSize` of a queue has been read. */
  bodyBytesMax: 1_048_576,
  /** What every SQS took in a batch before that, so the least that a batch may hold, whatever the queue's own limit for a message. */
  batchBytesMin: 262_144,
  /** Quotas, messages: `MessageGroupId` and `MessageDeduplicationId`. */
  groupCharactersMax: 128,
  /** Quotas, messages: the longest retention, 14 days. The default of SQS is 4 days, after which a message is gone without a trace. */
  retentionSeconds: 1_209_600,
  /** Quotas, messages: the longest visibility timeout, 12 hours, counted from the first receive. */
  visibilityMsMax: 43_200_000,
  /** API reference, CreateQueue, RedrivePolicy: the most receives before a message goes to the dead queue. Giving back counts as one, so: all of them. */
  receiveCountMax: 1_000,
  /** API reference, SendMessageBatchRequestEntry: the longest delay of a message. */
  delaySecondsMax: 900,
  /** API reference, ReceiveMessage: the longest poll. */
  pollSecondsMax: 20,
  /** API reference, ListQueues: names of one page. */
  listedMax: 1_000,
} as const)

export const OURS = Object.freeze({
  /** Requests in flight at a time, long polls aside. */
  requestsMax: 16,
  /** Receives of one queue and priority in flight at a time. */
  receivesMax: 8,
  /** Sockets of one transport: each watched queue and priority holds one for its long poll. */
  socketsMax: 1_000,
  /** A call makes at least two tries in its time: a dead connection costs the first. */
  triesInCallMin: 2,
  backoffFirstMs: 50,
  backoffMaxMs: 2_000,
  /** How long a long poll may overrun before its connection counts as dead. */
  pollGraceMs: 5_000,
  /** How long a receive waits for a long poll that must be bringing what this process has just sent. */
  ownMessageMs: 250,
  /** After a long poll that failed. */
  pollBackoffFirstMs: 500,
  pollBackoffMaxMs: 20_000,
  /** How often a watching process asks which queues there are: bounds how late the very first job of a priority is seen. */
  discoverMs: 20_000,
  listPagesMax: 20,
  /** A short poll asks some of the servers of SQS, so «empty» is believed when this many in a row say it. A long poll asks all of them. */
  emptyPollsMax: 3,
  /** How long a message waits in this process for a `receive` before it is given back. */
  bufferMs: 1_000,
  /** How long the visibility of a received message is extended while its receiver says nothing. */
  holdMs: 300_000,
  /** How often what is held is looked at. */
  tickMs: 250,
  /** How long a delete waits for others, up to ten of them: what is acknowledged one by one would cost a request each. */
  deleteWaitMs: 100,
  /** Tries to delete what SQS would not delete. */
  deleteTriesMax: 3,
  /** How long closing may take to give back what is held. */
  giveBackMs: 2_000,
  /** Of a reason for setting aside, as an attribute of the message. */
  reasonCharactersMax: 500,
} as const)
