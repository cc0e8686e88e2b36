/** Simulated people. Each signs up, makes an album, uploads, looks, orders; everything the application accepts from them is noted. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { PushService } from '../outside/push-service.js'
import type { Accepted, Album, Person } from './accepted.js'
import type { Client, Reply } from './client.js'
import type { Samples } from './samples.js'
import type { RequestGroup, Tally } from './tally.js'

export interface Scene {
  readonly client: Client
  readonly accepted: Accepted
  readonly tally: Tally
  readonly samples: Samples
  readonly pushService: PushService
  /** How long they stay. */
  readonly stay: Stay
}

export interface Stay {
  readonly photosEach: number
  /** How much longer they think than they would. */
  readonly pace: number
}

export const SHORT_STAY: Stay = { photosEach: 8, pace: 1 }
/** Still there at the end of an outage. */
export const LONG_STAY: Stay = { photosEach: 14, pace: 2.5 }

const NAMES = ['Ana', 'Budi', 'Chandra', 'Dewi', 'Eko', 'Fitri', 'Gita', 'Hadi', 'Indah', 'Joko', 'Kartika', 'Lina'] as const
const ARRIVAL_MS = 800
const THINK_MIN_MS = 150
const THINK_MAX_MS = 900
const FOLLOW_MS = 250
const ENDED: readonly string[] = ['completed', 'failed', 'cancelled']

/** Resolves when the last of them has left. */
export async function receiveVisitors(scene: Scene): Promise<void> {
  await Promise.all(
    NAMES.map(async (name, index) => {
      await sleep(index * ARRIVAL_MS)
      await visit(scene, name, index).catch((error: Error) => scene.tally.surprise(`${name}: ${error.message}`))
    }),
  )
}

async function visit(scene: Scene, name: string, index: number): Promise<void> {
  // One phone is thrown away before the first notification, one person also has a clip.
  const person = await signUp(scene, name, index === 1)
  const album = await makeAlbum(scene, person)
  if (index === 5 && scene.samples.clip !== null) await uploadClip(scene, album, scene.samples.clip)
  for (let turn = 0; turn < scene.stay.photosEach; turn += 1) {
    await think(scene.stay)
    await uploadPhoto(scene, album, turn)
    await viewAlbum(scene, album)
    if (turn % 4 === 1) await order(scene, person, turn)
    if (turn % 4 === 2) await uploadInline(scene, name, turn)
  }
  if (index === 2) await reuseKey(scene, album)
}

async function signUp(scene: Scene, name: string, phoneGone: boolean): Promise<Person> {
  const email = `${name.toLowerCase()}@example.test`
  const phone = scene.pushService.subscribe()
  if (phoneGone) scene.pushService.forget(phone)
  const { userId } = await ask<{ userId: string }>(scene, '/users', { name, email, newsletter: false, push: phone }, 201)
  const person = { userId, name, email, phone, phoneGone }
  scene.accepted.people.push(person)
  return person
}

async function makeAlbum(scene: Scene, owner: Person): Promise<Album> {
  const title = `Summer with ${owner.name}`
  const { albumId } = await ask<{ albumId: string }>(scene, '/albums', { ownerId: owner.userId, title }, 201)
  const album = { albumId, title, owner, photoIds: new Set<string>() }
  scene.accepted.albums.push(album)
  return album
}

interface Uploaded {
  readonly photoId: string
  readonly jobId: string
  readonly isSpooled: boolean
}

async function uploadPhoto(scene: Scene, album: Album, turn: number): Promise<void> {
  const picture = pictureOf(scene, turn)
  const path = `/albums/${album.albumId}/photos`
  const headers = { 'idempotency-key': `turn-${turn}` }
  const first = await timed(scene, 'upload', scene.client.post(path, picture, headers), 202)
  const { photoId, jobId, isSpooled } = first.body as Uploaded
  album.photoIds.add(photoId)
  scene.accepted.jobIds.add(jobId)
  if (turn % 3 === 0) {
    // The connection was bad, or the button was pressed twice.
    const second = await timed(scene, 'upload', scene.client.post(path, picture, headers), 202)
    const again = second.body as Uploaded
    // What is kept on the local disk meets the other on its way: the checks at the end see one job.
    if (again.jobId === jobId || isSpooled || again.isSpooled) scene.tally.repeats += 1
    else scene.tally.surprise(`The same Idempotency-Key made two jobs: ${JSON.stringify([first.body, second.body])}`)
  }
  if (turn === 0) await follow(scene, first.headers.location as string)
}

/** Watches the status until it ends, as the page does. */
async function follow(scene: Scene, location: string): Promise<void> {
  for (;;) {
    const { body } = await timed(scene, 'other', scene.client.get(location), 200)
    if (ENDED.includes((body as { state: string }).state)) return
    await sleep(FOLLOW_MS)
  }
}

async function uploadClip(scene: Scene, album: Album, clip: Buffer): Promise<void> {
  const { clipId, jobId } = await ask<{ clipId: string; jobId: string }>(scene, `/albums/${album.albumId}/clips`, clip, 202)
  scene.accepted.clipIds.push(clipId)
  scene.accepted.jobIds.add(jobId)
}

async function viewAlbum(scene: Scene, album: Album): Promise<void> {
  for (let look = 0; look < 3; look += 1) {
    const { body } = await timed(scene, 'other', scene.client.get(`/albums/${album.albumId}`), 200)
    scene.accepted.eventIds.push((body as { eventId: string }).eventId)
  }
}

async function order(scene: Scene, person: Person, turn: number): Promise<void> {
  const cents = 1000 + turn
  const { orderId, jobId } = await ask<{ orderId: string; jobId: string }>(scene, '/orders', { userId: person.userId, cents }, 202)
  scene.accepted.orders.push({ orderId, cents })
  scene.accepted.jobIds.add(jobId)
}

/** The comparison: the same work before the answer. Here a mail server that says "later" is the visitor's problem. */
async function uploadInline(scene: Scene, name: string, turn: number): Promise<void> {
  const reply = await timed(scene, 'inline', scene.client.post(`/inline/${name}/photos`, pictureOf(scene, turn)), 201, 502)
  if (reply.status === 502) scene.tally.inlineFailures += 1
}

/** The key of an earlier upload with another picture: a mistake of the client, and refused as one. */
async function reuseKey(scene: Scene, album: Album): Promise<void> {
  await timed(scene, 'other', scene.client.post(`/albums/${album.albumId}/photos`, pictureOf(scene, 1), { 'idempotency-key': 'turn-0' }), 409)
}

const pictureOf = ({ samples }: Scene, turn: number) => samples.pictures[turn % samples.pictures.length] as Buffer

const think = ({ pace }: Stay) => sleep(pace * (THINK_MIN_MS + Math.random() * (THINK_MAX_MS - THINK_MIN_MS)))

async function ask<Body>(scene: Scene, path: string, body: object | Buffer, expected: number): Promise<Body> {
  const reply = await timed(scene, 'other', scene.client.post(path, body), expected)
  return reply.body as Body
}

async function timed(scene: Scene, group: RequestGroup, request: Promise<Reply>, ...expected: readonly number[]): Promise<Reply> {
  const reply = await request
  scene.tally.request(group, reply.tookMs)
  if (!expected.includes(reply.status)) throw new Error(`A visitor was answered ${reply.status}: ${JSON.stringify(reply.body)}`)
  return reply
}
