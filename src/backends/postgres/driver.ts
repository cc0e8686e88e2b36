/** The client library, loaded at first use so that whoever has no PostgreSQL needs none, and how its values become ours. */
import type pg from 'pg'
import { KerjaError } from '../../errors.js'

export type PgModule = typeof pg
export type PgClient = pg.Client

/** The types whose text pg leaves as it is, and which fit a number: int8 counts, times in ms, row numbers. */
const INT8 = 20
const INT8_ARRAY = 1016

let loading: Promise<PgModule> | undefined

/** @throws {DRIVER_MISSING} */
export function loadPg(): Promise<PgModule> {
  loading ??= import('pg').then(
    (module) => module.default,
    (error: unknown) => {
      // It may be installed meanwhile.
      loading = undefined
      throw new KerjaError('DRIVER_MISSING', 'The postgres backend needs the package `pg`, which cannot be loaded. Run `npm install pg`.', {
        cause: error,
      })
    },
  )
  return loading
}

/** Our own, since the library's defaults are shared with the application. */
export function createTypes(pgModule: PgModule): pg.CustomTypesConfig {
  const { types } = pgModule
  const parseArray = types.getTypeParser(INT8_ARRAY as number as never) as (text: string) => (string | null)[]
  const parseInt8Array = (text: string): (number | null)[] => parseArray(text).map((item) => (item === null ? null : Number(item)))
  const getTypeParser = (oid: number, format?: 'text' | 'binary'): unknown => {
    if (format !== 'binary' && oid === INT8) return Number
    if (format !== 'binary' && oid === INT8_ARRAY) return parseInt8Array
    return types.getTypeParser(oid, format as 'text')
  }
  return { getTypeParser: getTypeParser as pg.CustomTypesConfig['getTypeParser'] }
}
