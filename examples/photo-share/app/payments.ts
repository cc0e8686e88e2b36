/** The payment provider's client. */

/** The provider said no. */
export class PaymentError extends Error {
  readonly status: number
  /** The Retry-After header: Kerja waits that long before the next attempt when it finds this on an error. */
  readonly retryAfter: string | null
  constructor(status: number, retryAfter: string | null) {
    super(`The payment provider answered ${status}.`)
    this.name = 'PaymentError'
    this.status = status
    this.retryAfter = retryAfter
  }
}

export interface ChargeRequest {
  readonly orderId: string
  readonly cents: number
  /** The same key is the same charge, however often it is asked for. */
  readonly idempotencyKey: string
}

/** Charges the order and answers with the charge's id. */
export async function charge(url: string, { orderId, cents, idempotencyKey }: ChargeRequest, signal: AbortSignal): Promise<string> {
  const response = await fetch(`${url}/charges`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    body: JSON.stringify({ orderId, cents }),
    signal,
  })
  if (!response.ok) {
    await response.body?.cancel()
    throw new PaymentError(response.status, response.headers.get('retry-after'))
  }
  const { id } = (await response.json()) as { id: string }
  return id
}
