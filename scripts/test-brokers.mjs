// npm run test:brokers: the conformance suite on RabbitMQ and SQS with SQLite as their state, which takes too long for npm test.
import { build, ensureDependencies, tool } from './lib/setup.mjs'

ensureDependencies()
build()
process.env.KERJA_TEST_BROKERS = 'all'
tool('vitest/vitest.mjs', ['run', 'test/conformance/rabbitmq-sqlite.test.ts', 'test/conformance/sqs-sqlite.test.ts'])
