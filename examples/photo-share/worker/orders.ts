/** Charging orders at a provider that is slow and often down. */
import type { App } from '../app/app.js'
import { chargeOrder } from '../app/jobs.js'
import { charge, PaymentError } from '../app/payments.js'
import { writeAndComplete } from '../app/together.js'

export function orderHandlers(app: App) {
  const { settings, database } = app
  const centsOf = database.prepare('SELECT cents FROM orders WHERE id = ?')
  const paid = database.prepare('UPDATE orders SET charge_id = ? WHERE id = ?')

  return [
    chargeOrder.handle(
      async ({ orderId }, ctx) => {
        const { cents } = centsOf.get(orderId) as { cents: number }
        // A 503, or this process being killed, says nothing about whether the money has moved. With the same key in every run it moves once.
        const chargeId = await charge(settings.paymentUrl, { orderId, cents, idempotencyKey: ctx.idempotencyKey('charge') }, ctx.signal)
        return writeAndComplete(app, () => void paid.run(chargeId, orderId), ctx, { chargeId })
      },
      {
        // What the provider refuses for good is not asked again. A 503 is, after the wait that its Retry-After asks for.
        onError: (error, ctx) => (error instanceof PaymentError && isFinal(error.status) ? ctx.fail(error.message) : undefined),
      },
    ),
  ]
}

const isFinal = (status: number) => status >= 400 && status < 500 && status !== 408 && status !== 429
