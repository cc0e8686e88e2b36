import { configDefaults, defineConfig } from 'vitest/config'

/** Minutes on real servers, for what a broker of this process over SQLite shows in seconds: `npm run test:brokers` runs them. */
const LONG = ['test/conformance/rabbitmq-sqlite.test.ts', 'test/conformance/sqs-sqlite.test.ts']

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: process.env.KERJA_TEST_BROKERS === 'all' ? configDefaults.exclude : [...configDefaults.exclude, ...LONG],
    setupFiles: ['test/support/seed.ts'],
    globalSetup: ['test/support/postgres-setup.ts', 'test/support/rabbitmq-setup.ts'],
    // Tests in test/ import the package by its own name and so run what is shipped: dist/.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Real servers and processes on a busy machine: what fails three times is broken, what fails once is shown as retried.
    retry: 2,
    // Threads and file locks are part of what is tested: a process of its own for each file.
    pool: 'forks',
    maxWorkers: 2,
  },
})
