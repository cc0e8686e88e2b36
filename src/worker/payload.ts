/** From stored text to what the handler gets, and from what it returns to stored text. Synchronous whenever the schema is. */
import type { ClaimedJob } from '../contract/job.js'
import { decode, encode } from '../core/codec.js'
import { toJobFailure } from '../core/failure.js'
import { DEFAULTS } from '../core/options.js'
import type { AnyJob } from '../define/definition.js'
import { outputOf, runSchema, type Subject } from '../define/validate.js'
import { KerjaError } from '../errors.js'
import { isThenable } from './values.js'

/**
 * @throws {PAYLOAD_CORRUPT} {PAYLOAD_VERSION} {PAYLOAD_INVALID} whichever it is, the job is parked as `invalid` and burns no attempt
 */
export function parsePayload(definition: AnyJob, job: ClaimedJob): unknown {
  const value = upgraded(definition, job, decode(job.payload))
  return isThenable(value) ? value.then((later) => checkPayload(definition, later)) : checkPayload(definition, value)
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

function checkPayload(definition: AnyJob, value: unknown): unknown {
  const subject: Subject = { kind: definition.kind, what: 'payload', code: 'PAYLOAD_INVALID' }
  const answer = runSchema(definition.payload, value, subject)
  return answer instanceof Promise ? answer.then((later) => outputOf(later, subject)) : outputOf(answer, subject)
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
  const subject: Subject = { kind: definition.kind, what: 'result', code: 'RESULT_INVALID' }
  const answer = runSchema(definition.result, result, subject)
  const encoded = (checked: Awaited<typeof answer>): string | null => {
    outputOf(checked, subject)
    return encodeChecked(definition, result)
  }
  return answer instanceof Promise ? answer.then(encoded) : encoded(answer)
}

/** What the handler returned is stored, not what the schema made of it: the reader's schema parses it again. */
function encodeChecked(definition: AnyJob, result: unknown): string | null {
  if (result === undefined) return null
  try {
    return encode(result, DEFAULTS.payload, 'result')
  } catch (error) {
    throw new KerjaError('RESULT_INVALID', `The handler's result of '${definition.kind}' cannot be stored: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
