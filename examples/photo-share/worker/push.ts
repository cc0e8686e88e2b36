/** Push notifications. */
import type { App } from '../app/app.js'
import { notify } from '../app/jobs.js'
import { PushError, sendPush } from '../app/push.js'

export function pushHandlers({ settings, database }: App) {
  const subscriptionOf = database.prepare('SELECT push FROM users WHERE id = ?')

  return [
    notify.handle(
      async ({ userId, ...notification }, ctx) => {
        const { push } = subscriptionOf.get(userId) as { push: string | null }
        if (push === null) return ctx.cancel('the person wants no notifications')
        return sendPush(settings, push, notification, ctx.signal)
      },
      {
        // A phone that is gone stays gone: trying again would only annoy the push service. Anything else follows the job's own retry policy.
        onError: (error, ctx) => (error instanceof PushError && [404, 410].includes(error.status) ? ctx.fail('the phone is gone') : undefined),
      },
    ),
  ]
}
