/** The thread that writes: one message is one batch is one commit. */
import { parentPort } from 'node:worker_threads'
import { openJobsTable, prepareInsert } from './jobs-table.mjs'

const insert = prepareInsert(openJobsTable())

parentPort.on('message', (payloads) => {
  insert(payloads)
  parentPort.postMessage(payloads.length)
})
parentPort.postMessage('ready')
