/** Ordering prints: the order is accepted although the payment provider may be down. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { App } from '../app/app.js'
import { chargeOrder } from '../app/jobs.js'
import { writeAndEnqueue } from '../app/together.js'
import { HttpError, type Routes, readJson } from './http.js'

const Order = z.object({ userId: z.string(), cents: z.int().positive() })

export function orderRoutes(app: App): Routes {
  const insert = app.database.prepare('INSERT INTO orders (id, user_id, cents) VALUES (?, ?, ?)')

  return {
    'POST /orders': async ({ body }) => {
      const { data, error } = Order.safeParse(readJson(body))
      if (error !== undefined) throw new HttpError(400, z.prettifyError(error))
      const orderId = randomUUID()
      const receipt = await writeAndEnqueue(app, () => void insert.run(orderId, data.userId, data.cents), chargeOrder, { orderId })
      return { status: 202, headers: { location: `/status/${receipt.id}` }, body: { orderId, jobId: receipt.id } }
    },
  }
}
