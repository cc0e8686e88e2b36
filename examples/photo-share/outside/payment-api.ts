/**
 * A payment provider on loopback, on a bad day: slow, and half of its answers are 503 with Retry-After. Worse, some of those come after the money has
 * moved. It honours the Idempotency-Key header as real providers do: the same key is the same charge, however often it is asked for.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Charge {
  readonly id: string
  readonly orderId: string
  readonly cents: number
}

export interface PaymentApi {
  readonly url: string
  /** Every movement of money: what must never hold an order twice. */
  readonly ledger: readonly Charge[]
  requests(): number
  refusals(): number
  close(): Promise<void>
}

/** The turns it takes, so that every run of the demo meets each of them. */
const TURNS = ['charge', 'refuse', 'charge', 'charge and refuse', 'refuse', 'charge', 'charge and refuse', 'charge'] as const
const SLOW_MIN_MS = 150
const SLOW_MAX_MS = 700
const RETRY_AFTER_SECONDS = 1

export async function startPaymentApi(): Promise<PaymentApi> {
  const ledger: Charge[] = []
  const chargeByKey = new Map<string, Charge>()
  let requests = 0
  let refusals = 0

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const key = request.headers['idempotency-key']
    const order = (await json(request)) as Omit<Charge, 'id'>
    if (request.method !== 'POST' || request.url !== '/charges' || typeof key !== 'string') return answer(response, 400, { error: 'bad request' })
    const turn = TURNS[requests++ % TURNS.length]
    await sleep(SLOW_MIN_MS + Math.random() * (SLOW_MAX_MS - SLOW_MIN_MS))
    if (turn !== 'refuse' && !chargeByKey.has(key)) {
      const charge = { id: randomUUID(), orderId: order.orderId, cents: order.cents }
      ledger.push(charge)
      chargeByKey.set(key, charge)
    }
    if (turn === 'charge') return answer(response, 200, chargeByKey.get(key))
    refusals += 1
    response.setHeader('retry-after', RETRY_AFTER_SECONDS)
    answer(response, 503, { error: 'overloaded' })
  }

  const server = createServer((request, response) => {
    respond(request, response).catch((error: Error) => answer(response, 400, { error: error.message }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ledger,
    requests: () => requests,
    refusals: () => refusals,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  // Whoever asked may have been killed meanwhile.
  if (response.destroyed || response.headersSent) return
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
