/** Which SQLite libraries are taken, and which are refused. */
import { describe, expect, it } from 'vitest'
import { type Driver, type DriverName, isSafeSqliteVersion, loadDriver } from '../../src/backends/sqlite/driver.js'

const carrying =
  (versions: Partial<Record<DriverName, string>>) =>
  (name: DriverName): Driver => {
    const sqliteVersion = versions[name]
    if (sqliteVersion === undefined) throw new Error(`No such built-in module: ${name}`)
    return { name, sqliteVersion, sourceId: sqliteVersion, open: () => expect.fail('not opened here') }
  }

describe('the driver gate', () => {
  it('refuses the versions that can corrupt a shared WAL file, and takes the two that carry the fix', () => {
    for (const version of ['3.7.0', '3.44.5', '3.45.1', '3.49.2', '3.50.6', '3.51.2']) expect(isSafeSqliteVersion(version), version).toBe(false)
    for (const version of ['3.44.6', '3.50.7', '3.51.3', '3.53.2', '3.54.1', '4.0.0']) expect(isSafeSqliteVersion(version), version).toBe(true)
  })

  it('takes the first safe one', () => {
    expect(loadDriver(undefined, false, carrying({ 'node:sqlite': '3.53.4', 'better-sqlite3': '3.53.2' })).name).toBe('node:sqlite')
    expect(loadDriver(undefined, false, carrying({ 'node:sqlite': '3.46.1', 'better-sqlite3': '3.53.2' })).name).toBe('better-sqlite3')
    expect(loadDriver(undefined, false, carrying({ 'better-sqlite3': '3.53.2' })).name).toBe('better-sqlite3')
  })

  it('takes the one it is told to, or none', () => {
    const load = carrying({ 'node:sqlite': '3.53.4', 'better-sqlite3': '3.53.2' })
    expect(loadDriver('better-sqlite3', false, load).name).toBe('better-sqlite3')
    expect(() => loadDriver('node:sqlite', false, carrying({ 'better-sqlite3': '3.53.2' }))).toThrow(
      expect.objectContaining({ code: 'DRIVER_MISSING' }),
    )
  })

  it('says what to run when none is there or none is safe', () => {
    const missing = expect.objectContaining({ code: 'DRIVER_MISSING', message: expect.stringContaining('npm install better-sqlite3@12') })
    expect(() => loadDriver(undefined, false, carrying({}))).toThrow(missing)
    const unsafe = expect.objectContaining({ code: 'DRIVER_UNSAFE', message: expect.stringContaining('npm install better-sqlite3@12') })
    expect(() => loadDriver(undefined, false, carrying({ 'node:sqlite': '3.46.1' }))).toThrow(unsafe)
    expect(loadDriver(undefined, true, carrying({ 'node:sqlite': '3.46.1' })).name).toBe('node:sqlite')
  })
})
