// What a process saw, one JSON line per event, written at once: a line that was written survives the SIGKILL that follows it.
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export function openJournal(folder, name) {
  const file = openSync(join(folder, `${name}.ndjson`), 'a')
  return {
    write: (entry) => writeSync(file, `${JSON.stringify({ at: Date.now(), process: name, ...entry })}\n`),
    close: () => closeSync(file),
  }
}

/** Every entry of every process. A line cut by a kill is left out: what it would have said did not happen for anybody. */
export function readJournals(folder) {
  const entries = []
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.ndjson'))) {
    for (const line of readFileSync(join(folder, name), 'utf8').split('\n')) {
      if (line.endsWith('}')) entries.push(JSON.parse(line))
    }
  }
  return entries
}
