/** What the application has promised its visitors by answering them. All of it must be there in the end: this is what the demo is checked against. */
import type { PushSubscription } from '../outside/device.js'

export interface Person {
  readonly userId: string
  readonly name: string
  readonly email: string
  readonly phone: PushSubscription
  /** The phone was thrown away: notifications to it must fail, once each and for good. */
  readonly phoneGone: boolean
}

export interface Album {
  readonly albumId: string
  readonly title: string
  readonly owner: Person
  readonly photoIds: Set<string>
}

export interface Accepted {
  readonly people: Person[]
  readonly albums: Album[]
  readonly clipIds: string[]
  readonly orders: { readonly orderId: string; readonly cents: number }[]
  /** Views of albums that became analytics events. */
  readonly eventIds: string[]
  /** Addresses that were on the newsletter's list when it was sent. */
  readonly readers: string[]
  /** Jobs whose status a visitor was given. */
  readonly jobIds: Set<string>
}

export const createAccepted = (): Accepted => ({
  people: [],
  albums: [],
  clipIds: [],
  orders: [],
  eventIds: [],
  readers: [],
  jobIds: new Set(),
})
