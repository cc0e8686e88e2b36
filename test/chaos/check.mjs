// Judges a chaos run: what the processes wrote down against what the store holds in the end. Pure: entries and records in, report out.

/**
 * @param entries of the journals
 * @param kills [{ process, at }]
 * @param records by id: { kind, state, token, attempt, payload, asSent, scheduledFor }
 * @param jobCount numbers asked for
 * @param lives what became of each job in the order of the store's commits: [{ what: 'born' | 'ended', id, key }], key null without a unique key
 * @param ticks { firstAt, endAt, everyMs }: the schedule's instants, the last one before endAt
 * @param outages [{ startedAt, endedAt }] of the store
 * @param workUntil the time until which there was always something to start
 */
export function check({ entries, kills, records, jobCount, lives, ticks, outages, workUntil }) {
  const violations = []
  const report = (rule, detail) => violations.push({ rule, ...detail })
  const acknowledgements = checkAcknowledged({ entries, records, jobCount, report })
  checkOrigins(records, entries, report)
  const runs = checkRuns({ entries, kills, records, report })
  const commits = checkLives(lives, report)
  const schedule = checkTicks(records, ticks, report)
  const recovery = checkRecovery({ entries, kills, outages, workUntil, report })
  const count = (type) => entries.filter((entry) => entry.type === type).length
  return {
    ...acknowledgements,
    ...runs,
    settledTwice: runs.settledTwice + commits.settledTwice,
    uniqueViolated: commits.uniqueViolated,
    ...schedule,
    ...recovery,
    unsure: count('unsure'),
    staleRefused: count('refused'),
    rescued: count('rescued'),
    kills: kills.length,
    violations,
  }
}

/** Every number was acknowledged, and what it was acknowledged as is there and done. */
function checkAcknowledged({ entries, records, jobCount, report }) {
  const acked = new Map()
  let duplicates = 0
  for (const { type, number, id, duplicate } of entries) {
    if (type !== 'acked') continue
    if (duplicate) duplicates += 1
    if (!acked.has(number)) acked.set(number, new Set())
    acked.get(number).add(id)
  }
  const counts = { acked: acked.size, duplicates, jobs: records.size, completed: 0, lost: 0 }
  const claimedBy = new Map()
  for (const [number, ids] of acked) {
    for (const id of ids) {
      const record = records.get(id)
      if (record === undefined) {
        counts.lost += 1
        report('S1 acknowledged job is nowhere', { number, id })
      } else if (record.state === 'completed') counts.completed += 1
      else report('V1 acknowledged job did not complete', { number, id, state: record.state })
      if (record?.kind === 'chaos.unique') continue
      if (claimedBy.has(id)) report('S7 two numbers share a job', { id, number, other: claimedBy.get(id) })
      claimedBy.set(id, number)
    }
    if (ids.size > 1 && records.get([...ids][0])?.kind !== 'chaos.unique') report('S7 one key has two jobs', { number, ids: [...ids] })
  }
  if (acked.size !== jobCount) report('run did not acknowledge every job', { acked: acked.size, jobCount })
  return counts
}

/** Nothing is in the store that was not sent, and what was sent once or under one id or key is there once. */
function checkOrigins(records, entries, report) {
  const sent = new Set(entries.filter(({ type }) => type === 'sent').map(({ number }) => number))
  const byNumber = new Map()
  for (const [id, { kind, payload, asSent }] of records) {
    if (kind === 'chaos.tick') continue
    if (!sent.has(payload.number)) report('S2 the store holds a job nobody enqueued', { id, kind, number: payload.number })
    else if (!asSent) report('S2 a job is not what was sent', { id, kind, payload })
    else if (kind !== 'chaos.unique' && byNumber.has(payload.number))
      report('S7 one number has two jobs', { number: payload.number, ids: [byNumber.get(payload.number), id] })
    byNumber.set(payload.number, id)
  }
}

function checkRuns({ entries, kills, records, report }) {
  const counts = { staleAccepted: 0, settledTwice: 0, overlaps: 0 }
  for (const [id, own] of collectRuns(entries, kills)) {
    own.sort((a, b) => a.token - b.token)
    const record = records.get(id)
    const completions = own.filter((run) => run.accepted === 'complete')
    for (const run of completions) {
      // A complete is accepted for the last token only; nothing may be accepted for a token once a later claim has been made.
      if (run.token === record?.token) continue
      counts.staleAccepted += 1
      report('S4 a stale completion was accepted', { id, token: run.token, current: record?.token })
    }
    if (completions.length > 1) {
      counts.settledTwice += 1
      report('S3 two completions were accepted', { id })
    }
    checkSequence(id, own, report)
    for (let index = 1; index < own.length; index += 1) {
      if (own[index].startedAt >= own[index - 1].endedAt) continue
      counts.overlaps += 1
      report('S6 two runs overlap', { id, first: own[index - 1], second: own[index] })
    }
  }
  return counts
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

/** In the store's own order: a job ends once, and a key has one job at a time. */
function checkLives(lives, report) {
  const counts = { settledTwice: 0, uniqueViolated: 0 }
  const ended = new Set()
  const holders = new Map()
  for (const { what, id, key } of lives) {
    if (what === 'ended') {
      if (ended.has(id)) {
        counts.settledTwice += 1
        report('S3 a job ended twice', { id })
      }
      ended.add(id)
      if (key !== null && holders.get(key) === id) holders.delete(key)
    } else if (key !== null) {
      if (holders.has(key)) {
        counts.uniqueViolated += 1
        report('S7 two live jobs share a unique key', { key, ids: [holders.get(key), id] })
      }
      holders.set(key, id)
    }
  }
  return counts
}

/** One job for each instant, and none for another. */
function checkTicks(records, { firstAt, endAt, everyMs }, report) {
  const counts = { ticks: 0, ticksLost: 0, ticksDoubled: 0 }
  const times = new Map()
  for (const { scheduledFor } of records.values()) if (scheduledFor !== null) times.set(scheduledFor, (times.get(scheduledFor) ?? 0) + 1)
  for (let at = firstAt; at < endAt; at += everyMs) {
    counts.ticks += 1
    if (times.has(at)) continue
    counts.ticksLost += 1
    report('S10 a tick has no job', { at })
  }
  for (const [at, jobs] of times) {
    if (jobs > 1) {
      counts.ticksDoubled += 1
      report('S10 a tick has two jobs', { at })
    }
    if (at < firstAt || at >= endAt || (at - firstAt) % everyMs !== 0) report('S10 a job of no tick', { at })
  }
  return counts
}

const RECOVERY_MS_MAX = 5_000

/** After the store is back, each worker that was up before, and that nothing struck meanwhile, starts jobs again soon. */
function checkRecovery({ entries, kills, outages, workUntil, report }) {
  const killedAt = new Map(kills.map(({ process, at }) => [process, at]))
  const workers = new Map()
  for (const { type, process, at } of entries) {
    if (type === 'up' && !workers.has(process)) workers.set(process, { upAt: at, starts: [] })
    if (type === 'started') workers.get(process)?.starts.push(at)
  }
  const took = []
  for (const [index, { startedAt, endedAt }] of outages.entries()) {
    const limit = endedAt + RECOVERY_MS_MAX
    if (limit > workUntil || (outages[index + 1]?.startedAt ?? Number.POSITIVE_INFINITY) < limit) continue
    for (const [process, { upAt, starts }] of workers) {
      if (upAt > startedAt || (killedAt.get(process) ?? Number.POSITIVE_INFINITY) < limit) continue
      const next = starts.find((at) => at >= endedAt) ?? Number.POSITIVE_INFINITY
      took.push(next - endedAt)
      if (next > limit) report('V2 a worker did not claim again in time after the store was back', { process, endedAt, ms: next - endedAt })
    }
  }
  return { recoveries: took.length, recoveryMsMax: took.length === 0 ? 0 : Math.max(...took) }
}
