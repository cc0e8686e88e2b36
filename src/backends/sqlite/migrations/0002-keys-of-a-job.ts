/** The idempotency keys that stand for a job go with it when it is carried to another store. */
export const keysOfAJob = Object.freeze({
  version: 2,
  name: 'keys of a job',
  statements: Object.freeze(['CREATE INDEX kerja_idempotency_job ON kerja_idempotency (job_id)']),
})
