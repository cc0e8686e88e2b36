/** The AWS SDK, loaded at first use so that whoever has no SQS needs none. */
import type { SQS, SQSClientConfig } from '@aws-sdk/client-sqs'
import { KerjaError } from '../../errors.js'
import { OURS } from './limits.js'
import type { SqsConfig } from './options.js'

/**
 * A client of its own. The SDK would try a request three times by itself, with pauses that know nothing of our deadline; it makes one try, and
 * calls.ts repeats. `AWS_MAX_ATTEMPTS` and `AWS_RETRY_MODE` therefore change nothing here. All other settings of the environment hold.
 * @throws {DRIVER_MISSING} {OPTION_INVALID} there is no region
 */
export async function createClient({ region, endpoint, credentials }: SqsConfig): Promise<SQS> {
  let module: typeof import('@aws-sdk/client-sqs')
  try {
    module = await import('@aws-sdk/client-sqs')
  } catch (error) {
    throw new KerjaError(
      'DRIVER_MISSING',
      'The sqs backend needs the package `@aws-sdk/client-sqs`, which cannot be loaded. Run `npm install @aws-sdk/client-sqs`.',
      { cause: error },
    )
  }
  const agent = { keepAlive: true, maxSockets: OURS.socketsMax }
  const given: SQSClientConfig = {
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
  }
  const client = new module.SQS({ ...given, maxAttempts: 1, requestHandler: { httpAgent: agent, httpsAgent: agent } })
  await checkRegion(client)
  return client
}

/** The SDK finds the region when it is first asked for it. */
async function checkRegion(client: SQS): Promise<void> {
  try {
    await client.config.region()
  } catch (error) {
    throw new KerjaError(
      'OPTION_INVALID',
      'sqs: there is no region. Name one (sqs://eu-west-1/prefix), or set AWS_REGION, or `region` in ~/.aws/config.',
      { cause: error, details: { option: 'region' } },
    )
  }
}
