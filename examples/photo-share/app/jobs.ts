/** Every job of the application: shared by the web process, which enqueues them, and the workers, which run them. */
import { defineJob } from 'kerja/define'
import { z } from 'zod'

const userId = z.string()
const albumId = z.string()
const photo = z.object({ photoId: z.string(), albumId, sha256: z.string() })

/** The first thing a new member sees of us: it overtakes the newsletter. */
export const welcomeMail = defineJob({
  kind: 'mail.welcome',
  payload: z.object({ userId }),
  queue: 'mail',
  priority: 'high',
  backoff: { first: '500ms', max: '5s', jitter: 'equal' },
})

/** One letter of hundreds: whenever nothing else is to be sent. */
export const newsletterMail = defineJob({
  kind: 'mail.newsletter',
  payload: z.object({ userId, issue: z.number() }),
  queue: 'mail',
  priority: 'bulk',
  backoff: { first: '500ms', max: '5s', jitter: 'equal' },
})

/** What the uploader waits for, so it comes first; the other two versions follow when it is done. */
export const thumbnail = defineJob({
  kind: 'photo.thumbnail',
  payload: photo,
  result: z.object({ url: z.string() }),
  queue: 'photos',
  priority: 'high',
})
export const resize = defineJob({ kind: 'photo.resize', payload: photo, queue: 'photos' })
export const watermark = defineJob({ kind: 'photo.watermark', payload: photo, queue: 'photos' })

/**
 * Asked for by every finished version of every photo. Each ask while one is waiting moves that one: a burst of uploads becomes one letter, a
 * second after its last. Only `waiting` ones count, since a check that runs already may have looked too early.
 */
export const albumReady = defineJob({
  kind: 'album.ready',
  payload: z.object({ albumId }),
  queue: 'mail',
  unique: { key: (payload) => payload.albumId, while: 'waiting', debounce: '1s' },
  backoff: { first: '500ms', max: '5s', jitter: 'equal' },
})

export const notify = defineJob({
  kind: 'push.notify',
  payload: z.object({ userId, title: z.string(), body: z.string(), tag: z.string() }),
  queue: 'push',
})

export const transcode = defineJob({
  kind: 'clip.transcode',
  payload: z.object({ clipId: z.string(), sha256: z.string() }),
  result: z.object({ url: z.string() }),
  queue: 'media',
  timeout: '10m',
})

/** The provider has bad hours: try for a day rather than a number of times. */
export const chargeOrder = defineJob({
  kind: 'order.charge',
  payload: z.object({ orderId: z.string() }),
  result: z.object({ chargeId: z.string() }),
  queue: 'payments',
  timeout: '30s',
  maxAttempts: 100,
  giveUpAfter: '1d',
})

export const track = defineJob({
  kind: 'analytics.track',
  payload: z.object({ eventId: z.string(), name: z.string(), albumId }),
  queue: 'analytics',
  priority: 'low',
})

export const monthlyReport = defineJob({ kind: 'report.monthly', payload: z.object({}), queue: 'reports' })
