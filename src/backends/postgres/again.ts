/** A call that the database undid because of others is made again: nothing of it has happened. */
import { isContention } from './faults.js'

export type Again = <T>(act: () => Promise<T>) => Promise<T>

const TRIES_MAX = 3

export const again: Again = async (act) => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act()
    } catch (error) {
      if (!isContention(error) || tries >= TRIES_MAX) throw error
    }
  }
}

/** In a transaction of the caller the first error is the end. */
export const once: Again = (act) => act()
