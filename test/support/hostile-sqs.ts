/**
 * An SQS that does whatever the documentation of AWS does not exclude: our own HTTP server, speaking the JSON protocol of SQS. Faults happen by rates and
 * a seed, or at one request that a test names. Time is its own: a test may run it faster, or move it.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ACTIONS, type Action, type ActionContext, type Input } from './hostile-sqs-actions.js'
import { createChance, type FaultName, type Faults, NO_FAULTS } from './hostile-sqs-faults.js'
import { type HostileQueue, SqsFault } from './hostile-sqs-queue.js'
import { createWaiting } from './waiting.js'

export interface SeenRequest {
  readonly action: string
  /** The name of the queue. */
  readonly queue: string
  readonly input: Input
}

/**
 * What becomes of one request instead of its action: an answer, a failure, a connection that is cut, or one that says nothing any more. `also`: the
 * action is done nevertheless.
 */
export type Scripted = { readonly answer: unknown } | { readonly code: string; readonly status?: number; readonly also?: true } | 'cut' | 'hang'

export interface HostileSqs {
  readonly options: { readonly endpoint: string; readonly region: string; readonly prefix: string; readonly credentials: typeof CREDENTIALS }
  /** May be changed while it runs. */
  readonly faults: Faults
  /** How often each has happened. */
  readonly faultCounts: ReadonlyMap<FaultName, number>
  readonly queues: ReadonlyMap<string, HostileQueue>
  readonly requests: readonly SeenRequest[]
  countOf(...actions: string[]): number
  /** The next request of this action that `applies` to. */
  script(action: string, what: Scripted, applies?: (input: Input) => boolean): void
  /** Who asks, or for what, is refused from now on; null: no longer. */
  refuse(code: string | null, actions?: readonly string[]): void
  /** What `find` finds now or after a later request. */
  when<Value>(find: () => Value | undefined): Promise<Value>
  advance(ms: number): void
  deleteQueue(name: string): void
  stop(): Promise<void>
}

export interface HostileOptions {
  readonly seed?: number
  readonly faults?: Partial<Faults>
  /** Milliseconds of the server in one of ours. Default 1. */
  readonly timeScale?: number
}

const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' } as const
const ACCOUNT = '000000000000'
const REGION = 'us-east-1'
const POLL_CHECK_MS = 10

export async function startHostileSqs({ seed = 1, faults: given = {}, timeScale = 1 }: HostileOptions = {}): Promise<HostileSqs> {
  const faults: Faults = { ...NO_FAULTS, ...given }
  const chance = createChance(seed, faults)
  const queues = new Map<string, HostileQueue>()
  const deletedAt = new Map<string, number>()
  const requests: SeenRequest[] = []
  const scripts: { readonly action: string; readonly what: Scripted; readonly applies: (input: Input) => boolean }[] = []
  const waiting = createWaiting()
  let refused: { readonly code: string; readonly actions: readonly string[] | undefined } | null = null
  let movedMs = 0
  const now = (): number => performance.now() * timeScale + movedMs
  const server = createServer((request, response) => void serve(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const urlOf = (name: string): string => `${endpoint}/${ACCOUNT}/${name}`
  const arnOf = (name: string): string => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`
  const context: ActionContext = { queues, deletedAt, faults, chance, now, urlOf, arnOf }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const action = String(request.headers['x-amz-target']).replace('AmazonSQS.', '')
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const input = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Input
    requests.push({ action, queue: input.QueueName ?? input.QueueUrl?.split('/').at(-1) ?? '', input })
    waiting.check()
    try {
      const answer = await decide(action, input, response)
      if (answer === undefined) response.destroy()
      else reply(response, 200, answer)
    } catch (error) {
      const { code, message, status } = error instanceof SqsFault ? error : new SqsFault('InternalError', String(error), 500)
      response.setHeader('x-amzn-query-error', `${code === 'QueueDoesNotExist' ? 'AWS.SimpleQueueService.NonExistentQueue' : code};Sender`)
      reply(response, status, { __type: `com.amazonaws.sqs#${code}`, message })
    }
    waiting.check()
  }

  /** Undefined: no answer. */
  async function decide(action: string, input: Input, response: ServerResponse): Promise<unknown> {
    const run = ACTIONS[action] as Action | undefined
    if (run === undefined) throw new SqsFault('InvalidAction', action)
    if (refused !== null && (refused.actions?.includes(action) ?? true)) throw new SqsFault(refused.code, 'Refused.', 403)
    const index = scripts.findIndex((script) => script.action === action && script.applies(input))
    const [script] = index === -1 ? [] : scripts.splice(index, 1)
    if (script !== undefined) {
      if (script.what === 'cut') return undefined
      if (script.what === 'hang') return new Promise(() => undefined)
      if ('answer' in script.what) return script.what.answer
      if (script.what.also === true) await run(input, context)
      throw new SqsFault(script.what.code, 'As the test says.', script.what.status ?? 400)
    }
    if (chance.happens('cutConnection')) return undefined
    if (chance.happens('throttle')) throw new SqsFault('ThrottlingException', 'Rate exceeded.', 400)
    if (chance.happens('serverError')) throw new SqsFault('InternalError', 'We encountered an internal error. Please try again.', 500)
    const answer = action === 'ReceiveMessage' ? await poll(run, input, response) : await run(input, context)
    // A receive whose answer is lost is a message that is hidden for its visibility timeout.
    if (chance.happens('lostAnswer')) throw new SqsFault('ServiceUnavailable', 'Service is unavailable.', 503)
    return answer
  }

  /** A long poll ends with the first message, its time, or its client. */
  async function poll(run: Action, input: Input, response: ServerResponse): Promise<unknown> {
    const endsAt = now() + (input.WaitTimeSeconds ?? 0) * 1_000
    for (;;) {
      if (response.destroyed) return undefined
      const answer = (await run(input, context)) as { readonly Messages: readonly unknown[] }
      if (answer.Messages.length > 0 || now() >= endsAt || !server.listening) return answer
      await new Promise((resolve) => setTimeout(resolve, POLL_CHECK_MS))
    }
  }

  return {
    options: { endpoint, region: REGION, prefix: 'test', credentials: CREDENTIALS },
    faults,
    faultCounts: chance.counts,
    queues,
    requests,
    countOf: (...actions) => requests.filter(({ action }) => actions.length === 0 || actions.includes(action)).length,
    script: (action, what, applies = () => true) => void scripts.push({ action, what, applies }),
    refuse: (code, actions) => {
      refused = code === null ? null : { code, actions }
    },
    when: (find) => waiting.when(find),
    advance: (ms) => {
      movedMs += ms
    },
    deleteQueue: (name) => {
      queues.delete(name)
      deletedAt.set(name, now())
    },
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
  response.end(JSON.stringify(body))
}
