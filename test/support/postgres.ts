/** The PostgreSQL that tests share: a schema of its own for each test. */
import { randomUUID } from 'node:crypto'
import type { Backend } from 'kerja/backend'
import { type PostgresOptions, postgres } from 'kerja/postgres'
import pg from 'pg'
import { afterAll, onTestFinished } from 'vitest'

/** @throws with the remedy when there is no server. */
export function postgresUrl(): string {
  const url = process.env.KERJA_TEST_POSTGRES
  if (url === undefined) throw new Error(process.env.KERJA_TEST_POSTGRES_TROUBLE ?? 'Run the tests by `npm test`, which finds a PostgreSQL.')
  return url
}

export const newSchema = (): string => `kerja_test_${randomUUID().replaceAll('-', '').slice(0, 12)}`

/** Removes schemas when the file's tests are over: not after each test, since that costs more than the test. */
const leftover = new Map<string, Set<string>>()
let isCleaned = false

export function removeLater(schema: string, url = postgresUrl()): void {
  leftover.set(url, new Set(leftover.get(url)).add(schema))
}

/** Called at the top of a file by whoever imports `backends.ts` or this. */
export function cleanUp(): void {
  if (isCleaned) return
  isCleaned = true
  afterAll(async () => {
    for (const [url, schemas] of leftover) {
      await withClient(async (client) => {
        await client.query("SET client_min_messages = 'warning'")
        for (const schema of schemas) await client.query(`DROP SCHEMA IF EXISTS ${client.escapeIdentifier(schema)} CASCADE`)
      }, url).catch(() => undefined)
    }
  })
}

export async function withClient<T>(act: (client: pg.Client) => Promise<T>, url = postgresUrl()): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await act(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** All that a store holds goes, its tables stay. */
export async function emptySchema(schema: string, url: string): Promise<void> {
  await withClient(async (client) => {
    const { rows } = await client.query<{ name: string }>(
      "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = $1 AND tablename <> 'migrations'",
      [schema],
    )
    if (rows.length > 0) await client.query(rows.map(({ name }) => `DELETE FROM ${name}`).join(';'))
  }, url)
}

/** A backend on a store of its own. */
export function temporaryPostgres(options: Partial<PostgresOptions> = {}): Backend {
  const schema = options.schema ?? newSchema()
  removeLater(schema, options.url)
  const backend = postgres({ url: options.url ?? postgresUrl(), ...options, schema })
  onTestFinished(() => backend.close())
  return backend
}

cleanUp()
