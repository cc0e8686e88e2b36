/** The servers that the contenders of a run need, for as long as the run. */

/** Opens the Redis of each kind and the PostgreSQL that `contenders` name. */
export async function openServers(contenders, folder) {
  // Imported now: they need what may just have been installed.
  const { openRedis } = await import('./redis.mjs')
  const { openPostgres } = await import('./postgres.mjs')
  const redis = await openRedis(new Set(contenders.flatMap((contender) => contender.redis ?? [])), folder)
  const postgres = contenders.some((contender) => contender.postgres)
    ? await openPostgres(folder).catch((error) => {
        redis.close()
        throw error
      })
    : undefined
  return {
    redisVersion: redis.version,
    postgres,
    /** Of one contender: `{ durability, env, clean }`, or undefined when it needs none. */
    of: (contender) => (contender.postgres ? postgres : contender.redis && redis.server(contender.redis)),
    async close() {
      redis.close()
      await postgres?.close()
    },
  }
}
