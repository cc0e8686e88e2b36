// Enqueueing on the application's own SQLite transaction: the job exists exactly when it commits.

import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kerja } from 'kerja'
import { defineJob, type } from 'kerja/define'
import { sqlite } from 'kerja/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** The part of better-sqlite3 used here: the package carries no types of its own. */
interface Handle {
  prepare(sql: string): { all(...parameters: unknown[]): unknown[]; run(...parameters: unknown[]): unknown }
  exec(sql: string): unknown
  transaction<Parameters extends unknown[], Result>(run: (...parameters: Parameters) => Result): (...parameters: Parameters) => Result
  close(): unknown
}
const Database = createRequire(import.meta.url)('better-sqlite3') as new (path: string) => Handle

const welcome = defineJob({ kind: 'welcome', payload: type<{ to: string }>() })
const folder = mkdtempSync(join(tmpdir(), 'kerja-tx-'))
const path = join(folder, 'app.db')
const kerja = new Kerja({ backend: sqlite({ path, driver: 'better-sqlite3' }), logger: 'silent' })
let db: Handle

beforeAll(async () => {
  db = new Database(path)
  db.exec('CREATE TABLE users (name TEXT)')
  await kerja.open()
})
afterAll(async () => {
  db.close()
  await kerja.close()
  rmSync(folder, { recursive: true, force: true })
})

const exists = (id: string) =>
  kerja.jobs.get(id).then(
    () => true,
    () => false,
  )

describe('a transaction', () => {
  it('stores the job with the row, or neither', async () => {
    const signUp = db.transaction((name: string, fails: boolean) => {
      db.prepare('INSERT INTO users VALUES (?)').run(name)
      const receipt = kerja.enqueueSync(welcome, { to: name }, { tx: db })
      if (fails) throw Object.assign(new Error('rolled back'), { receipt })
      return receipt
    })
    const receipt = signUp('ana', false)
    expect(receipt).toMatchObject({ durability: 'in-transaction', duplicate: false })
    expect(await exists(receipt.id)).toBe(true)
    try {
      signUp('bo', true)
    } catch (error) {
      expect(await exists((error as { receipt: { id: string } }).receipt.id)).toBe(false)
    }
    expect(db.prepare('SELECT name FROM users').all()).toEqual([{ name: 'ana' }])
  })

  it('may be awaited with an explicit BEGIN, for one job and for many', async () => {
    db.exec('BEGIN IMMEDIATE')
    const one = await kerja.enqueue(welcome, { to: 'c' }, { tx: db })
    const many = await kerja.enqueueMany(
      Array.from({ length: 600 }, (_, n) => welcome.with({ to: `${n}` })),
      { tx: db },
    )
    expect(many.every(({ durability }) => durability === 'in-transaction')).toBe(true)
    db.exec('ROLLBACK')
    expect(await exists(one.id)).toBe(false)
    expect(await exists(many[599]?.id ?? '')).toBe(false)
  })

  it('must be open and on the store’s own file', async () => {
    const invalid = { code: 'TRANSACTION_INVALID' }
    expect(() => kerja.enqueueSync(welcome, { to: 'd' }, { tx: db })).toThrow(expect.objectContaining(invalid))
    await expect(kerja.enqueue(welcome, { to: 'd' }, { tx: db })).rejects.toMatchObject(invalid)
    const foreign = new Database(':memory:')
    foreign.exec('BEGIN')
    await expect(kerja.enqueue(welcome, { to: 'd' }, { tx: foreign })).rejects.toMatchObject(invalid)
    foreign.close()
    await expect(kerja.enqueue(welcome, { to: 'd' }, { tx: {} as never })).rejects.toMatchObject(invalid)
  })
})
