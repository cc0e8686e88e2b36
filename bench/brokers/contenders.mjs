/** Who takes part on brokers. Each is imported only by the processes that measure it. Durability is asked of the server. */
import { kerja as onSqlite } from '../lib/contenders.mjs'

const load = onSqlite.load

export const alone = { label: 'Kerja on RabbitMQ', rabbitmq: true, load }

export const withPostgres = { label: 'Kerja on RabbitMQ, state in PostgreSQL', rabbitmq: true, postgres: true, load }

export const onPostgres = { label: 'Kerja on PostgreSQL', postgres: true, load }

export const raw = { label: 'raw RabbitMQ', rabbitmq: true, load: () => import('../lib/contenders/raw-rabbitmq.mjs') }
