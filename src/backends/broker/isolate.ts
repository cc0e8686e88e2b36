/** One bad item never fails its neighbours: a call that fails as a whole is repeated in halves until the bad ones stand by themselves. */
import { isAway } from '../../errors.js'

export interface Failure {
  readonly status: 'error'
  readonly error: unknown
}

/** One answer per item, in order. @throws what says that the store as a whole is away: halves would fare no better */
export async function isolate<Item, Answer>(
  items: readonly Item[],
  call: (items: readonly Item[]) => Promise<readonly Answer[]>,
): Promise<readonly (Answer | Failure)[]> {
  if (items.length === 0) return []
  try {
    return await call(items)
  } catch (error) {
    if (isAway(error)) throw error
    if (items.length === 1) return [{ status: 'error', error }]
    const middle = items.length >> 1
    return [...(await isolate(items.slice(0, middle), call)), ...(await isolate(items.slice(middle), call))]
  }
}

export const isFailure = (answer: object): answer is Failure => (answer as { readonly status?: unknown }).status === 'error'
