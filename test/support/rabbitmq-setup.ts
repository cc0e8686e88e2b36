/** Once per test run: finds or starts the RabbitMQ that tests share, and tells them where it is. */
import { type RabbitmqNode, REMEDY, runningServer, startNode } from './rabbitmq-server.js'

let own: RabbitmqNode | undefined

export async function setup(): Promise<void> {
  try {
    const running = await runningServer()
    if (running === null) own = await startNode()
    process.env.KERJA_TEST_RABBITMQ = running ?? own?.url
  } catch (error) {
    // Only the tests that need it fail, each with this.
    process.env.KERJA_TEST_RABBITMQ_TROUBLE = `No RabbitMQ for the tests: ${error instanceof Error ? error.message : String(error)} ${REMEDY}`
  }
}

export async function teardown(): Promise<void> {
  await own?.destroy()
}
