/** Entry of every measuring process: runs one part of one scenario and reports what it returns. */
import { openMailbox } from './mailbox.mjs'

const { scenario, role, args } = JSON.parse(process.argv[2])
// Nobody is left to measure for: do not outlive the parent.
process.on('disconnect', () => process.exit(1))

const parent = openMailbox(process)

function report(name, value, exitCode) {
  // The callback runs once the message is on its way; open handles of the contender must not keep the process.
  process.send({ name, value }, () => process.exit(exitCode))
}

process.once('uncaughtException', (error) => report('failure', error.stack, 1))

try {
  const module = await import(new URL(`../${scenario}.mjs`, import.meta.url).href)
  const part = role === 'run' ? module.run : (...rest) => module.roles[role](parent, ...rest)
  report('result', await part(...args), 0)
} catch (error) {
  report('failure', error?.stack ?? String(error), 1)
}
