/** A role that fills the contender's queue in a process of its own, so that the measured one begins fresh. */
import { produceInBulk } from '../produce.mjs'

export function fillRole(contenders) {
  return async (_parent, contender, count, options = {}) => {
    const producer = await (await contenders[contender].load()).openProducer()
    await produceInBulk(producer, { count, ...options })
    await producer.close()
  }
}
