/** The servers that the contenders of a run need, for as long as the run. */

/** Opens the Redis of each kind, the PostgreSQL and the RabbitMQ that `contenders` name. */
export async function openServers(contenders, folder) {
  // Imported now: they need what may just have been installed.
  const { openRedis } = await import('./redis.mjs')
  const { openPostgres } = await import('./postgres.mjs')
  const { openRabbitmq } = await import('./rabbitmq.mjs')
  const opened = []
  const close = async () => {
    for (const server of opened.reverse()) await server?.close()
  }
  const open = async (opening) => {
    opened.push(await opening)
    return opened.at(-1)
  }
  const needs = (name) => contenders.some((contender) => contender[name])
  try {
    const redis = await open(openRedis(new Set(contenders.flatMap((contender) => contender.redis ?? [])), folder))
    const postgres = needs('postgres') ? await open(openPostgres(folder)) : undefined
    const rabbitmq = needs('rabbitmq') ? await open(openRabbitmq()) : undefined
    return {
      redisVersion: redis.version,
      rabbitmqVersion: rabbitmq?.version,
      postgres,
      /** Of one measurement: `{ durability, env, clean }`, or undefined when its contender needs none. */
      of(contender) {
        const database = contender.postgres ? postgres : undefined
        if (contender.rabbitmq) return together(rabbitmq.next(), database)
        return database ?? (contender.redis && redis.server(contender.redis))
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

const together = (broker, database) =>
  database === undefined
    ? broker
    : {
        durability: `${broker.durability}; ${database.durability}`,
        env: { ...broker.env, ...database.env },
        async clean() {
          await broker.clean()
          await database.clean()
        },
      }
