/** The lease thread, for backends that have no thread of their own to beat from. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { type BeatsData, runBeats } from './beats.js'

// No await at the top: `require` cannot load a module that has one.
void runBeats(parentPort as MessagePort, workerData as BeatsData)
