/** Once per test run: finds or starts the PostgreSQL that tests share, and tells them where it is. */
import { REMEDY, runningServer, startServer, type TestServer } from './postgres-server.js'

let own: TestServer | undefined

export async function setup(): Promise<void> {
  try {
    const running = await runningServer()
    if (running === null) own = await startServer()
    process.env.KERJA_TEST_POSTGRES = running ?? own?.url
  } catch (error) {
    // Only the tests that need it fail, each with this.
    process.env.KERJA_TEST_POSTGRES_TROUBLE = `No PostgreSQL for the tests: ${error instanceof Error ? error.message : String(error)} ${REMEDY}`
  }
}

export async function teardown(): Promise<void> {
  await own?.destroy()
}
