/**
 * An SQS for tests: the one that is named (an emulator, or AWS), else fauxqs in this process. It knows what its users ask, not what AWS does when it
 * is unkind: that is hostile-sqs.ts.
 */
import { randomBytes } from 'node:crypto'
import { SQS } from '@aws-sdk/client-sqs'
import { startFauxqs } from 'fauxqs'

export interface TestSqs {
  /** Options of a transport: a prefix that nobody else uses. */
  readonly options: TestSqsOptions
  /** For looking from outside. */
  readonly client: SQS
  /** Where it is, whatever the queue is called. */
  urlOf(name: string): Promise<string>
  /** Removes the queues of the prefix. */
  stop(): Promise<void>
}

export interface TestSqsOptions {
  readonly endpoint?: string
  readonly region: string
  readonly prefix: string
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' }

export async function startSqs(): Promise<TestSqs> {
  const named = process.env.KERJA_TEST_SQS_ENDPOINT
  const server = named === undefined || named === '' ? await startFauxqs({ port: 0, logger: false }) : undefined
  const prefix = `kerja_test_${randomBytes(6).toString('hex')}`
  const endpoint = server?.address ?? named
  const options: TestSqsOptions = { prefix, region: 'us-east-1', ...(endpoint !== undefined && { endpoint }), credentials: CREDENTIALS }
  const client = new SQS({ region: options.region, ...(endpoint !== undefined && { endpoint }), credentials: CREDENTIALS })
  return {
    options,
    client,
    urlOf: async (name) => (await client.getQueueUrl({ QueueName: name })).QueueUrl as string,
    async stop() {
      if (server === undefined) {
        const { QueueUrls = [] } = await client.listQueues({ QueueNamePrefix: prefix })
        await Promise.all(QueueUrls.map((url) => client.deleteQueue({ QueueUrl: url })))
      }
      client.destroy()
      await server?.stop()
    },
  }
}
