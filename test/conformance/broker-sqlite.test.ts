/** A broker of this process with a SQLite state, proven by the conformance suite. */
import { createInProcessBroker } from '../broker/in-process.js'
import { runOnBroker } from './broker-target.js'

runOnBroker('a broker with SQLite', {
  state: 'sqlite',
  example: createInProcessBroker().connect(),
  openBroker() {
    const broker = createInProcessBroker()
    return { connect: () => broker.connect(), remove: async () => undefined }
  },
})
