/** Named messages between a process and its parent. A message that comes before anybody waits for it is kept. */
export function openMailbox(channel) {
  const arrived = new Map()
  const waiting = new Map()
  const queueOf = (map, name) => map.get(name) ?? map.set(name, []).get(name)
  channel.on('message', ({ name, value }) => {
    const receiver = queueOf(waiting, name).shift()
    if (receiver === undefined) queueOf(arrived, name).push(value)
    else receiver(value)
  })
  return {
    send: (name, value) => channel.send({ name, value }),
    receive: (name) => {
      const values = queueOf(arrived, name)
      if (values.length > 0) return Promise.resolve(values.shift())
      return new Promise((resolve) => queueOf(waiting, name).push(resolve))
    },
  }
}
