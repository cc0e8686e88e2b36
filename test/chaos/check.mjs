// Judges a chaos run: what the processes wrote down against what the store holds in the end. Pure: entries and records in, report out.

/**
 * @param entries of the journals, @param kills [{ process, at }], @param records by id: { state, token, attempt }, @param jobCount asked for
 */
export function check({ entries, kills, records, jobCount }) {
  const violations = []
  const report = (rule, detail) => violations.push({ rule, ...detail })
  const acked = new Map()
  for (const entry of entries) if (entry.type === 'acked') acked.set(entry.number, entry.id)
  const runs = collectRuns(entries, kills)

  let completed = 0
  let lost = 0
  for (const [number, id] of acked) {
    const record = records.get(id)
    if (record === undefined) {
      lost += 1
      report('S1 acknowledged job is nowhere', { number, id })
    } else if (record.state === 'completed') completed += 1
    else report('V1 acknowledged job did not complete', { number, id, state: record.state })
  }
  if (acked.size !== jobCount) report('run did not acknowledge every job', { acked: acked.size, jobCount })
  if (new Set(acked.values()).size !== acked.size) report('S7 two numbers share a job', {})
  if (records.size !== acked.size) report('S2 the store holds jobs nobody enqueued', { records: records.size, acked: acked.size })

  let staleAccepted = 0
  let overlaps = 0
  for (const [id, own] of runs) {
    own.sort((a, b) => a.token - b.token)
    const record = records.get(id)
    for (const run of own) {
      // A complete is accepted for the last token only; nothing may be accepted for a token once a later claim has been made.
      if (run.accepted === 'complete' && run.token !== record?.token) {
        staleAccepted += 1
        report('S4 a stale completion was accepted', { id, token: run.token, current: record?.token })
      }
    }
    if (own.filter((run) => run.accepted === 'complete').length > 1) report('S3 two completions were accepted', { id })
    checkSequence(id, own, report)
    for (let index = 1; index < own.length; index += 1) {
      if (own[index].startedAt < own[index - 1].endedAt) {
        overlaps += 1
        report('S6 two runs overlap', { id, first: own[index - 1], second: own[index] })
      }
    }
  }
  const rescued = entries.filter((entry) => entry.type === 'rescued').length
  const refused = entries.filter((entry) => entry.type === 'refused').length
  return { acked: acked.size, completed, lost, staleAccepted, staleRefused: refused, overlaps, rescued, kills: kills.length, violations }
}

/** id → its runs: { token, attempt, process, startedAt, endedAt, accepted, killed }. A run cut by a kill ended with it. */
function collectRuns(entries, kills) {
  const killedAt = new Map(kills.map((kill) => [kill.process, kill.at]))
  const byKey = new Map()
  const byId = new Map()
  for (const entry of [...entries].sort((a, b) => a.at - b.at)) {
    const key = `${entry.id}:${entry.token}`
    if (entry.type === 'started') {
      const run = {
        token: entry.token,
        attempt: entry.attempt,
        process: entry.process,
        startedAt: entry.at,
        endedAt: killedAt.get(entry.process) ?? entry.at,
        accepted: null,
        ended: false,
      }
      byKey.set(key, run)
      if (!byId.has(entry.id)) byId.set(entry.id, [])
      byId.get(entry.id).push(run)
    } else if (entry.type === 'ended' && byKey.has(key)) Object.assign(byKey.get(key), { endedAt: entry.at, ended: true })
    else if (entry.type === 'accepted' && byKey.has(key)) byKey.get(key).accepted = entry.outcome
  }
  return byId
}

/** Attempts count from 1 without gaps: a run that failed is followed by the next number, one that was cut by a kill by the same. */
function checkSequence(id, runs, report) {
  const tokens = new Set(runs.map((run) => run.token))
  if (tokens.size !== runs.length) report('S4 a token was used twice', { id })
  let expected = [1]
  for (const run of runs) {
    if (!expected.includes(run.attempt)) report('S5 attempt number out of order', { id, attempt: run.attempt, expected, token: run.token })
    // A retry may have been recorded although its acknowledgement was cut by the kill: then either number is right.
    expected = run.accepted === 'retry' ? [run.attempt + 1] : [run.attempt, run.attempt + 1]
  }
}
