/** Where the jobs of one run are kept: on PostgreSQL in a schema of the run's own, so that a second run finds nothing of the first. */
import pg from 'pg'

export interface RunStore {
  /** For KERJA_URL. */
  readonly url: string | undefined
  /** What to say about it. */
  readonly notice: string | null
  remove(): Promise<void>
}

/** A schema that the URL names is used as it is, and kept: it should be empty. */
export function chooseStore(given: string | undefined): RunStore {
  const kept = { url: given, notice: null, remove: async () => undefined }
  if (given === undefined || !/^postgres(ql)?:/i.test(given)) return kept
  const own = new URL(given)
  if (own.searchParams.has('schema')) return kept
  const schema = `photo_share_${Date.now()}`
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
