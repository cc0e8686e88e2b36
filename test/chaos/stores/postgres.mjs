// A PostgreSQL cluster of the run's own, crashed and started again every few seconds, with connections terminated in between. Triggers write down
// every birth and end of a job, so that keys and settlements are judged in the order of commits and not by clocks.
import { setTimeout as sleep } from 'node:timers/promises'
import { createJiti } from 'jiti'
import pg from 'pg'

const RESTART_EVERY_MS = 6_000
const TERMINATE_EVERY_MS = 400
const DOWN_MS_MAX = 1_500

/** The birth is written down when its transaction commits: a job that lost its key on the way is gone by then. */
const AUDIT = `
  CREATE SCHEMA audit;
  CREATE TABLE audit.lives (n bigserial, what text NOT NULL, id uuid NOT NULL, key text);
  CREATE FUNCTION audit.born() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT 1 FROM kerja.keys WHERE id = NEW.id) THEN INSERT INTO audit.lives (what, id, key) VALUES ('born', NEW.id, NEW.unique_key); END IF;
    RETURN NULL;
  END $$;
  CREATE FUNCTION audit.ended() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit.lives (what, id, key) VALUES ('ended', NEW.id, NEW.unique_key);
    RETURN NULL;
  END $$;
  CREATE CONSTRAINT TRIGGER audit_born AFTER INSERT ON kerja.jobs DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.unique_key IS NOT NULL) EXECUTE FUNCTION audit.born();
  CREATE TRIGGER audit_ended AFTER INSERT ON kerja.history FOR EACH ROW EXECUTE FUNCTION audit.ended();
`

export async function openStore({ random }) {
  const { startServer } = await createJiti(import.meta.url).import('../../support/postgres-server.ts')
  const server = await startServer([], { from: 'system' })
  const counts = { restarts: 0, terminated: 0 }
  const outages = []

  async function withClient(act) {
    const client = new pg.Client({ connectionString: server.url, application_name: 'chaos' })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return await act(client)
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  async function restart() {
    const startedAt = Date.now()
    await server.stop('immediate')
    await sleep(random() * DOWN_MS_MAX)
    await server.start()
    counts.restarts += 1
    outages.push({ startedAt, endedAt: Date.now() })
  }

  async function terminate() {
    await withClient(async (client) => {
      const { rows } = await client.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'kerja' ORDER BY pid")
      const victim = rows[Math.floor(random() * rows.length)]
      if (victim === undefined) return
      await client.query('SELECT pg_terminate_backend($1)', [victim.pid])
      counts.terminated += 1
      // While the server is down there is nothing to terminate.
    }).catch(() => undefined)
  }

  return {
    url: server.url,
    faults: [
      { everyMs: RESTART_EVERY_MS, act: restart },
      { everyMs: TERMINATE_EVERY_MS, act: terminate },
    ],
    outages,
    counts: () => counts,
    /** Called when the schema is there and nothing runs yet. */
    watch: () => withClient((client) => client.query(AUDIT)),
    lives: () => withClient(async (client) => (await client.query('SELECT what, id, key FROM audit.lives ORDER BY n')).rows),
    close: () => server.destroy(),
  }
}
