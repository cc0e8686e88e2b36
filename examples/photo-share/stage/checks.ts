/** Compares what was promised with what is there: nothing may be missing, nothing may be there twice. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Job } from 'kerja'
import sharp from 'sharp'
import { probeDurationMs } from '../app/clips.js'
import type { Database } from '../app/database.js'
import { clipName, RENDITIONS, renditionName } from '../app/files.js'
import { SIDE_MAX } from '../app/pictures.js'
import type { MailServer } from '../outside/mail-server.js'
import type { PaymentApi } from '../outside/payment-api.js'
import type { PushService } from '../outside/push-service.js'
import type { Accepted } from './accepted.js'
import { isLive } from './ledger.js'

export interface Evidence {
  readonly accepted: Accepted
  readonly jobs: readonly Job[]
  readonly database: Database
  readonly filesFolder: string
  readonly mailServer: MailServer
  readonly paymentApi: PaymentApi
  readonly pushService: PushService
}

export interface Check {
  readonly what: string
  readonly promised: number
  readonly missing: readonly string[]
  readonly doubled: readonly string[]
}

export async function checkEverything(evidence: Evidence): Promise<readonly Check[]> {
  return [
    checkJobs(evidence),
    checkWelcomes(evidence),
    checkNewsletter(evidence),
    checkAlbumLetters(evidence),
    checkNotifications(evidence),
    checkCharges(evidence),
    checkAnalytics(evidence),
    await checkPictures(evidence),
    checkClips(evidence),
    await checkReports(evidence),
  ]
}

/** `found` holds a key once for each time that the thing was found. */
function compare(what: string, promised: readonly string[], found: readonly string[]): Check {
  const times = new Map<string, number>()
  for (const key of found) times.set(key, (times.get(key) ?? 0) + 1)
  return {
    what,
    promised: promised.length,
    missing: promised.filter((key) => !times.has(key)),
    doubled: [...times].filter(([, count]) => count > 1).map(([key]) => key),
  }
}

/** Jobs that a visitor was told of are completed, and no other is left over. */
function checkJobs({ accepted, jobs }: Evidence): Check {
  const completed = new Set(jobs.filter(({ state }) => state === 'completed').map(({ id }) => id))
  // Two requests with one key that were answered during an outage, before anybody could know of the other: the jobs became one on their way.
  const merged = jobs.filter(({ state, reason }) => state === 'cancelled' && completed.has(reason?.replace('superseded by ', '') ?? ''))
  const { missing } = compare('', [...accepted.jobIds], [...completed, ...merged.map(({ id }) => id)])
  const stuck = jobs.filter((job) => isLive(job) && job.queue !== 'reports')
  const gone = accepted.people.filter(({ phoneGone }) => phoneGone).map(({ userId }) => userId)
  const failed = jobs.filter((job) => job.state === 'failed' && !gone.includes((job.payload as { userId?: string }).userId ?? ''))
  const lost = [
    ...missing,
    ...[...stuck, ...failed].map((job) => `${job.kind} ${job.id} is ${job.state}: ${job.failure?.message ?? job.reason ?? ''}`),
  ]
  return { what: 'jobs', promised: jobs.length, missing: lost, doubled: [] }
}

const letters = ({ mailServer }: Evidence) => [...mailServer.mailbox.values()].map(({ to, subject }) => `${to}: ${subject}`)

const checkWelcomes = (evidence: Evidence): Check =>
  compare(
    'welcome letters',
    evidence.accepted.people.map(({ email, name }) => `${email}: Welcome, ${name}`),
    letters(evidence).filter((letter) => letter.includes(': Welcome')),
  )

const checkNewsletter = (evidence: Evidence): Check =>
  compare(
    'newsletter letters',
    evidence.accepted.readers.map((email) => `${email}: Newsletter 1`),
    letters(evidence).filter((letter) => letter.includes(': Newsletter')),
  )

/** Earlier letters about fewer photos are welcome; the one about all of them must be there. */
const checkAlbumLetters = (evidence: Evidence): Check =>
  compare(
    'album letters',
    evidence.accepted.albums.map(({ owner, title, photoIds }) => `${owner.email}: Your album is ready: ${photoIds.size} photos in ${title}`),
    letters(evidence).filter((letter) => letter.includes('album is ready')),
  )

function checkNotifications({ accepted, pushService }: Evidence): Check {
  const tag = (albumId: string, photos: number) => `album-ready:${albumId}:${photos}`
  const promised = accepted.albums.filter(({ owner }) => !owner.phoneGone).map(({ albumId, photoIds }) => tag(albumId, photoIds.size))
  return compare(
    'notifications',
    promised,
    [...pushService.shown.values()].flatMap((tags) => [...tags.keys()]),
  )
}

/** By the provider's own books and by the application's. */
function checkCharges({ accepted, paymentApi, database }: Evidence): Check {
  const books = compare(
    'charges',
    accepted.orders.map(({ orderId }) => orderId),
    paymentApi.ledger.map(({ orderId }) => orderId),
  )
  const chargeOf = new Map(paymentApi.ledger.map(({ orderId, id }) => [orderId, id]))
  const rows = database.prepare('SELECT id, charge_id FROM orders').all() as { id: string; charge_id: string | null }[]
  const unpaid = rows
    .filter(({ id, charge_id }) => charge_id === null || charge_id !== chargeOf.get(id))
    .map(({ id }) => `${id} is not marked as paid`)
  return { ...books, missing: [...books.missing, ...unpaid] }
}

function checkAnalytics({ accepted, database }: Evidence): Check {
  const rows = database.prepare('SELECT event_id FROM analytics').all() as { event_id: string }[]
  return compare(
    'analytics rows',
    accepted.eventIds,
    rows.map(({ event_id }) => event_id),
  )
}

/** A picture is there when it is recorded, can be read and has the size it should have. */
async function checkPictures({ accepted, database, filesFolder }: Evidence): Promise<Check> {
  const row = database.prepare('SELECT thumbnail, resized, watermarked FROM photos WHERE id = ?')
  const promised = accepted.albums
    .flatMap(({ photoIds }) => [...photoIds])
    .flatMap((photoId) => RENDITIONS.map((rendition) => ({ photoId, rendition })))
  const found: string[] = []
  for (const { photoId, rendition } of promised) {
    const name = renditionName(photoId, rendition)
    const recorded = (row.get(photoId) as Record<string, string | null> | undefined)?.[rendition]
    const { width } = await sharp(join(filesFolder, name))
      .metadata()
      .catch(() => ({ width: 0 }))
    if (recorded === name && width === SIDE_MAX[rendition]) found.push(name)
  }
  return compare(
    'pictures',
    promised.map(({ photoId, rendition }) => renditionName(photoId, rendition)),
    found,
  )
}

function checkClips({ accepted, filesFolder }: Evidence): Check {
  const found = accepted.clipIds.filter((clipId) => {
    try {
      return probeDurationMs(join(filesFolder, clipName(clipId))) > 0
    } catch {
      // Not there, or no clip: it is missing.
      return false
    }
  })
  return compare('clips', accepted.clipIds, found)
}

/** One whole PDF for every tick whose job is completed, and one job for every tick. */
async function checkReports({ jobs, filesFolder }: Evidence): Promise<Check> {
  const done = jobs.filter(({ kind, state }) => kind === 'report.monthly' && state === 'completed')
  const promised = done.map(({ schedule, runAt }) => `report-${(schedule?.scheduledFor ?? runAt).getTime()}.pdf`)
  const files = (await readdir(filesFolder)).filter((name) => name.endsWith('.pdf'))
  const contents = await Promise.all(files.map((name) => readFile(join(filesFolder, name), 'latin1')))
  const whole = files.filter((_, index) => contents[index]?.startsWith('%PDF') && contents[index]?.trimEnd().endsWith('%%EOF'))
  const reports = compare('reports', promised, whole)
  return { ...reports, doubled: compare('', [], promised).doubled }
}
