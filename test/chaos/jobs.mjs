// The one job of the chaos run: it fails now and then, by a number in its payload, so that retries are part of what is checked.
import { defineJob, type } from 'kerja/define'

export const chaosJob = defineJob({
  kind: 'chaos.step',
  payload: type(),
  maxAttempts: 6,
  backoff: { first: '20ms', factor: 1, jitter: 'none' },
  timeout: '1m',
})
