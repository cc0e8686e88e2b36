/** The columns that several tables have. */
export const rateMetric = { rate: { label: 'jobs/s', digits: 0 } }

/** What 10,000 jobs cost on either side, and what one writes to the log. */
export const costMetrics = {
  clientCpu: { label: 'client CPU s per 10k', digits: 3 },
  serverCpu: { label: 'server CPU s per 10k', digits: 3 },
  cpu: { label: 'CPU s per 10k, both', digits: 3 },
  wal: { label: 'WAL bytes per job', digits: 0 },
}
