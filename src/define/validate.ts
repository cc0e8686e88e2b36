/** Runs a Standard Schema and turns its complaints into one coded error: the same words where a job is enqueued, run and read back. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { pathText } from '../core/codec-refusals.js'
import { KerjaError, type KerjaErrorCode } from '../errors.js'
import type { Schema } from './schema.js'

const ISSUES_SHOWN_MAX = 5
const ISSUE_CHARACTERS_MAX = 200

/** What is validated and how to speak of it. */
export interface Subject {
  readonly kind: string
  readonly what: 'payload' | 'result'
  readonly code: KerjaErrorCode
}

/** The schema's answer: at once when it validates synchronously. @throws {PAYLOAD_INVALID} or the subject's code, when the schema itself throws */
export function runSchema(
  schema: Schema,
  value: unknown,
  subject: Subject,
): StandardSchemaV1.Result<unknown> | Promise<StandardSchemaV1.Result<unknown>> {
  try {
    const answer = schema['~standard'].validate(value)
    // Another realm's promise is no instance of this one's.
    return typeof (answer as { then?: unknown }).then === 'function' ? Promise.resolve(answer).catch((error) => throwBroken(error, subject)) : answer
  } catch (error) {
    return throwBroken(error, subject)
  }
}

/** The schema's output. @throws {PAYLOAD_INVALID} or the subject's code, with up to five issues and their paths */
export function outputOf(answer: StandardSchemaV1.Result<unknown>, subject: Subject): unknown {
  if (answer.issues === undefined) return answer.value
  const shown = answer.issues.slice(0, ISSUES_SHOWN_MAX).map((issue) => ({ path: pathOf(issue, subject.what), message: messageOf(issue) }))
  const more = answer.issues.length > ISSUES_SHOWN_MAX ? `; and ${answer.issues.length - ISSUES_SHOWN_MAX} more` : ''
  throw new KerjaError(
    subject.code,
    `The ${subject.what} of ${subject.kind} does not match its schema: ${shown.map((issue) => `${issue.path}: ${issue.message}`).join('; ')}${more}.`,
    { details: { kind: subject.kind, issues: shown, issueCount: answer.issues.length } },
  )
}

function pathOf(issue: StandardSchemaV1.Issue, root: string): string {
  const keys = (issue.path ?? []).map((segment) => (typeof segment === 'object' ? segment.key : segment))
  return pathText(
    root,
    keys.map((key) => (typeof key === 'number' ? key : String(key))),
  )
}

const messageOf = (issue: StandardSchemaV1.Issue): string => String(issue.message).slice(0, ISSUE_CHARACTERS_MAX).replace(/\.$/, '')

function throwBroken(error: unknown, subject: Subject): never {
  throw new KerjaError(subject.code, `The schema of ${subject.kind} threw while it checked a ${subject.what}, instead of reporting issues.`, {
    cause: error,
    details: { kind: subject.kind },
  })
}
