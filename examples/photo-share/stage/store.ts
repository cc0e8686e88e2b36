/** Where the jobs of one run are kept: on a server in a place of the run's own, so that a second run finds nothing of the first. */
import { connect } from 'amqplib'
import { rabbitmqTopology } from 'kerja/rabbitmq'
import pg from 'pg'
import * as jobs from '../app/jobs.js'

export interface RunStore {
  /** For KERJA_URL. */
  readonly url: string | undefined
  /** For KERJA_STATE_URL. */
  readonly stateUrl: string | undefined
  /** What to say about it. */
  readonly notices: readonly string[]
  remove(): Promise<void>
}

interface Place {
  readonly url: string
  readonly notice: string
  remove(): Promise<void>
}

/** A schema or a prefix that a URL names is used as it is, and kept: it should be empty. */
export function chooseStore(given: string | undefined, givenState: string | undefined): RunStore {
  const run = `photo_share_${Date.now()}`
  const place = given === undefined ? null : (schemaIn(given, run) ?? prefixIn(given, run))
  const state = givenState === undefined ? null : schemaIn(givenState, run)
  const places = [place, state].filter((each) => each !== null)
  return {
    url: place?.url ?? given,
    stateUrl: state?.url ?? givenState,
    notices: places.map(({ notice }) => notice),
    remove: async () => {
      for (const each of places) await each.remove()
    },
  }
}

/** Null where it is no PostgreSQL. */
function schemaIn(given: string, schema: string): Place | null {
  if (!/^postgres(ql)?:/i.test(given)) return null
  const own = new URL(given)
  if (own.searchParams.has('schema')) return null
  own.searchParams.set('schema', schema)
  return {
    url: own.href,
    notice: `The jobs are kept in the schema ${schema}, which is removed at the end.`,
    async remove() {
      const client = new pg.Client({ connectionString: given })
      await client.connect()
      await client.query(`SET client_min_messages = 'warning'; DROP SCHEMA IF EXISTS ${schema} CASCADE`)
      await client.end()
    },
  }
}

/** Null where it is no RabbitMQ. */
function prefixIn(given: string, prefix: string): Place | null {
  if (!/^amqps?:/i.test(given)) return null
  const own = new URL(given)
  if (own.searchParams.has('prefix')) return null
  own.searchParams.set('prefix', prefix)
  const queues = [...new Set(Object.values(jobs).map(({ queue }) => queue))]
  return {
    url: own.href,
    notice: `Jobs wait in queues that begin with kerja.v1.${prefix}, which are deleted at the end.`,
    async remove() {
      const connection = await connect(given)
      const channel = await connection.createChannel()
      for (const { name } of rabbitmqTopology({ prefix, queues })) await channel.deleteQueue(name)
      await connection.close()
    },
  }
}
