// A SQLite file: the faults are those of the processes alone. Triggers write down every birth and end of a job in the order of commits.
import { join } from 'node:path'
import { createJiti } from 'jiti'

/** States from 2 to 4 are ends. */
const AUDIT = `
  CREATE TABLE audit_lives (n INTEGER PRIMARY KEY, what TEXT NOT NULL, id INTEGER NOT NULL, key TEXT);
  CREATE TRIGGER audit_born AFTER INSERT ON kerja_jobs WHEN NEW.unique_key IS NOT NULL
    BEGIN INSERT INTO audit_lives (what, id, key) VALUES ('born', NEW.seq, NEW.unique_key); END;
  CREATE TRIGGER audit_ended AFTER UPDATE OF state ON kerja_jobs WHEN NEW.state BETWEEN 2 AND 4
    BEGIN INSERT INTO audit_lives (what, id, key) VALUES ('ended', NEW.seq, NEW.unique_key); END;
`

export async function openStore({ folder }) {
  const { openHandle } = await createJiti(import.meta.url).import('../../sqlite/support.ts')
  const path = join(folder, 'chaos.db')

  function withHandle(act) {
    const handle = openHandle(path)
    try {
      return act(handle)
    } finally {
      handle.close()
    }
  }

  return {
    url: `sqlite:${path}`,
    faults: [],
    outages: [],
    counts: () => ({}),
    /** Called when the tables are there and nothing runs yet. */
    watch: async () => withHandle((handle) => handle.exec(AUDIT)),
    lives: async () => withHandle((handle) => handle.prepare('SELECT what, id, key FROM audit_lives ORDER BY n').all()),
    close: async () => undefined,
  }
}
