/**
 * How an application opens a transaction with each library, and what it must not hand over instead of one. `run(act)` calls `act(tx)` in a
 * transaction, which is rolled back when that throws.
 */

import { drizzle as drizzleOnPg } from 'drizzle-orm/node-postgres'
import { drizzle as drizzleOnPostgresJs } from 'drizzle-orm/postgres-js'
import knex from 'knex'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import postgresJs from 'postgres'
import { DataSource } from 'typeorm'
import { createPrisma } from './prisma-client.mjs'

/** Each returns { run, refused: values that are no transaction, close }. */
export const LIBRARIES = {
  async pg(url) {
    const pool = new pg.Pool({ connectionString: url })
    return {
      async run(act) {
        const client = await pool.connect()
        try {
          await client.query('BEGIN')
          const result = await act(client)
          await client.query('COMMIT')
          return result
        } catch (error) {
          await client.query('ROLLBACK')
          throw error
        } finally {
          client.release()
        }
      },
      refused: [pool],
      close: () => pool.end(),
    }
  },
  async 'postgres.js'(url) {
    const sql = postgresJs(url, { onnotice: () => undefined })
    return { run: (act) => sql.begin((tx) => act(tx)), refused: [sql], close: () => sql.end() }
  },
  async Knex(url) {
    const db = knex({ client: 'pg', connection: url })
    return { run: (act) => db.transaction((trx) => act(trx)), refused: [db], close: () => db.destroy() }
  },
  async Kysely(url) {
    const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }) })
    return { run: (act) => db.transaction().execute((trx) => act(trx)), refused: [db], close: () => db.destroy() }
  },
  async 'Drizzle on pg'(url) {
    const pool = new pg.Pool({ connectionString: url })
    const db = drizzleOnPg(pool)
    return { run: (act) => db.transaction((tx) => act(tx)), refused: [db], close: () => pool.end() }
  },
  async 'Drizzle on postgres.js'(url) {
    const sql = postgresJs(url, { onnotice: () => undefined })
    const db = drizzleOnPostgresJs(sql)
    return { run: (act) => db.transaction((tx) => act(tx)), refused: [db], close: () => sql.end() }
  },
  async Prisma(url) {
    const prisma = createPrisma(url)
    return { run: (act) => prisma.$transaction((tx) => act(tx)), refused: [prisma], close: () => prisma.$disconnect() }
  },
  async 'TypeORM, manager'(url) {
    const source = await new DataSource({ type: 'postgres', url }).initialize()
    return { run: (act) => source.transaction((manager) => act(manager)), refused: [source, source.manager], close: () => source.destroy() }
  },
  async 'TypeORM, query runner'(url) {
    const source = await new DataSource({ type: 'postgres', url }).initialize()
    const idle = source.createQueryRunner()
    return {
      async run(act) {
        const runner = source.createQueryRunner()
        await runner.startTransaction()
        try {
          const result = await act(runner)
          await runner.commitTransaction()
          return result
        } catch (error) {
          await runner.rollbackTransaction()
          throw error
        } finally {
          await runner.release()
        }
      },
      refused: [idle],
      close: () => source.destroy(),
    }
  },
}
