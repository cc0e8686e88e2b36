/** The capability table of the docs, written from what the conformance runs have shown. */
import type { CapabilityName, ConformanceReport } from './suite.js'

const CAPABILITY_NAMES: readonly CapabilityName[] = [
  'clock',
  'durable',
  'crossProcess',
  'transactions',
  'synchronousPush',
  'delayMsMax',
  'leaseMsMax',
  'keys',
  'ledger',
  'coordination',
  'transfer',
  'knownAtOnce',
  'retentionMsMin',
  'fencing',
  'deathCheck',
]

/** Markdown: one row per capability, one column per backend. A fact whose cases failed reads «broken», one without cases «unproven». */
export function capabilityTable(reports: readonly ConformanceReport[]): string {
  const rows = CAPABILITY_NAMES.map((name) => `| \`${name}\` | ${reports.map((report) => cell(report, name)).join(' | ')} |`)
  return [`| capability | ${reports.map((report) => report.name).join(' | ')} |`, `|---|${'---|'.repeat(reports.length)}`, ...rows].join('\n')
}

function cell(report: ConformanceReport, name: CapabilityName): string {
  const about = report.results.filter((result) => result.needs.includes(name) || result.lacks === name)
  const value = wordFor(report.capabilities[name], name)
  if (about.some((result) => !result.passed)) return `${value}: broken`
  return about.length === 0 ? `${value} (unproven)` : `${value} (${about.length} ${about.length === 1 ? 'case' : 'cases'})`
}

function wordFor(value: boolean | number | string | null, name: CapabilityName): string {
  if (value === null) return name === 'retentionMsMin' ? 'as told' : 'no limit'
  if (typeof value === 'number') return `${name === 'retentionMsMin' ? 'at least' : 'up to'} ${value} ms`
  if (name === 'clock') return String(value)
  return value === true ? 'yes' : 'no'
}
