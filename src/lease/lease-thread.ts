/** The lease thread, for backends that have no thread of their own to beat from. */
import { parentPort, workerData } from 'node:worker_threads'
import { type BeatsData, runBeats } from './beats.js'

if (parentPort === null) throw new Error('kerja: lease/lease-thread.js runs only as a worker thread')
// No await at the top: `require` cannot load a module that has one.
void runBeats(parentPort, workerData as BeatsData)
