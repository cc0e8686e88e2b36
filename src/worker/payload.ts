/** From stored text to what the handler gets, and from what it returns to stored text. Synchronous whenever the schema is. */
import type { ClaimedJob } from '../contract/job.js'
import { decode, encode } from '../core/codec.js'
import { toJobFailure } from '../core/failure.js'
import { DEFAULTS } from '../core/options.js'
import type { AnyJob } from '../define/definition.js'
import { KerjaError } from '../errors.js'
import { isThenable } from './values.js'

/**
 * @throws {PAYLOAD_CORRUPT} {PAYLOAD_VERSION} {PAYLOAD_INVALID} whichever it is, the job is parked as `invalid` and burns no attempt
 */
export function parsePayload(definition: AnyJob, job: ClaimedJob): unknown {
  const value = upgraded(definition, job, decode(job.payload))
  return isThenable(value) ? value.then((later) => checkPayload(definition, job, later)) : checkPayload(definition, job, value)
}

function upgraded(definition: AnyJob, job: ClaimedJob, value: unknown): unknown {
  const { upgrade } = definition
  if (upgrade === null || job.version >= definition.version) return value
  const refuse = (error: unknown): never => {
    const why = `upgrade() of job kind '${job.kind}' threw on a payload of version ${job.version}: ${toJobFailure(error).message}`
    throw new KerjaError('PAYLOAD_VERSION', why, { cause: error })
  }
  try {
    const answer = upgrade(value as Readonly<Record<string, unknown>>, job.version)
    return isThenable(answer) ? Promise.resolve(answer).catch(refuse) : answer
  } catch (error) {
    return refuse(error)
  }
}

function checkPayload(definition: AnyJob, job: ClaimedJob, value: unknown): unknown {
  const checked = definition.payload['~standard'].validate(value)
  return isThenable(checked) ? Promise.resolve(checked).then((result) => accept(result as Checked, job)) : accept(checked, job)
}

type Checked = { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly Issue[] }
interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

function accept(checked: Checked, job: ClaimedJob): unknown {
  if (checked.issues === undefined) return checked.value
  throw new KerjaError(
    'PAYLOAD_INVALID',
    `The stored payload of job ${job.jobId} does not match the schema of '${job.kind}': ${listIssues(checked.issues)}`,
  )
}

/** The encoded result, or null when the job declares none. @throws {RESULT_INVALID} */
export function encodeResult(definition: AnyJob, result: unknown): string | null | Promise<string | null> {
  if (definition.result === null) {
    if (result === undefined) return null
    throw new KerjaError(
      'RESULT_INVALID',
      `The handler of '${definition.kind}' returned a value, but the job declares no result. Add result: type<…>() to defineJob, or return nothing.`,
    )
  }
  const checked = definition.result['~standard'].validate(result)
  if (!isThenable(checked)) return encodeChecked(definition, result, checked)
  return Promise.resolve(checked).then((value) => encodeChecked(definition, result, value as Checked))
}

function encodeChecked(definition: AnyJob, result: unknown, checked: Checked): string | null {
  if (checked.issues !== undefined) {
    throw new KerjaError(
      'RESULT_INVALID',
      `The handler's result does not match the result schema of '${definition.kind}': ${listIssues(checked.issues)}`,
    )
  }
  if (result === undefined) return null
  try {
    return encode(result, DEFAULTS.payload, 'result')
  } catch (error) {
    throw new KerjaError('RESULT_INVALID', `The handler's result of '${definition.kind}' cannot be stored: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

const ISSUES_SHOWN_MAX = 5

/** `a.b: Expected number; c: Required`. */
export function listIssues(issues: readonly Issue[]): string {
  const shown = issues.slice(0, ISSUES_SHOWN_MAX).map(({ path = [], message }) => {
    const where = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.')
    return where === '' ? message : `${where}: ${message}`
  })
  return issues.length > ISSUES_SHOWN_MAX ? `${shown.join('; ')}; and ${issues.length - ISSUES_SHOWN_MAX} more` : shown.join('; ')
}
