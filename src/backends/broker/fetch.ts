/** What one claim takes from the broker: as many jobs as it can run, and whatever lies in front of them. */
import type { ClaimRequest } from '../../contract/backend.js'
import type { CarriedJob } from '../../contract/transfer.js'
import type { CheckOut, Received } from './check-out.js'

export interface Fetched {
  /** Jobs new to the state that the request could claim. */
  readonly runnable: readonly CarriedJob[]
  /** Jobs new to the state that it could not. */
  readonly others: readonly CarriedJob[]
  /** No more could be had. */
  readonly isExhausted: boolean
}

/** A short answer of so many may have been cut short by what the broker hands out before it hears of the first: it is asked again. */
const CUT_MIN = 100

/** Messages that one claim looks through: some may be jobs that this worker cannot run. */
const MESSAGES_MAX = 1_000
/** And so many at a time at most, while it finds none that it can run. */
const STEP_MAX = 100

/** One queue during the search. */
interface Line {
  readonly name: string
  /** The most that the request takes of it, and one more, so that the state knows whether more is left. */
  readonly most: number
  foundCount: number
  /** Receipts in a row in which nothing could be run: the next is twice as large. */
  fruitlessCount: number
}

/** `wanted` jobs of the open queues, where so many are there. `now` by the state's clock. @throws what says that the state is away */
export async function fetch(
  checkOut: Pick<CheckOut, 'receive' | 'store'>,
  { request, open, wanted, now }: { readonly request: ClaimRequest; readonly open: readonly string[]; readonly wanted: number; readonly now: number },
): Promise<Fetched> {
  const isRunnable = createFilter(request, now)
  const received: Received[] = []
  let lines = open.map((name): Line => ({ name, most: (request.queues.get(name) ?? 0) + 1, foundCount: 0, fruitlessCount: 0 }))
  let [foundCount, lookedCount, isCut] = [0, 0, false]

  async function ask(line: Line): Promise<'more' | 'enough'> {
    const fitting = Math.min(wanted - foundCount, line.most - line.foundCount)
    const max = line.fruitlessCount === 0 ? fitting : Math.max(fitting, Math.min(fitting * 2 ** line.fruitlessCount, STEP_MAX))
    const answer = await checkOut.receive(line.name, Math.min(max, MESSAGES_MAX))
    const runnableCount = answer.received.filter(({ job }) => isRunnable(job)).length
    received.push(...answer.received)
    lookedCount += answer.count
    foundCount += runnableCount
    line.foundCount += runnableCount
    line.fruitlessCount = runnableCount > 0 ? 0 : line.fruitlessCount + 1
    // A short answer is all there is, but for one with nothing to run: behind it may be what can be.
    const isShort = answer.count === 0 || (answer.count < max && runnableCount > 0)
    isCut ||= answer.count < max && answer.count >= CUT_MIN
    return isShort || line.foundCount >= line.most ? 'enough' : 'more'
  }

  while (lines.length > 0 && foundCount < wanted && lookedCount < MESSAGES_MAX) {
    const answers = await Promise.all(lines.map(ask))
    lines = lines.filter((_, index) => answers[index] === 'more')
  }
  const fresh = await checkOut.store(received)
  return {
    runnable: fresh.filter(isRunnable),
    others: fresh.filter((job) => !isRunnable(job)),
    isExhausted: lines.length === 0 && !isCut,
  }
}

/** Whether the state would hand the job to this request. */
function createFilter({ kinds }: ClaimRequest, now: number): (job: CarriedJob) => boolean {
  const versions = new Map(kinds.map(({ kind, version }) => [kind, version]))
  return ({ kind, version, startBy, giveUpAt }) =>
    version <= (versions.get(kind) ?? 0) && (startBy === null || startBy >= now) && (giveUpAt === null || giveUpAt >= now)
}
