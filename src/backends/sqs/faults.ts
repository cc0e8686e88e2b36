/** What a failure of SQS means, judged by its code and status, never by its text; and the coded error that says what to do about it. */
import { KerjaError, type KerjaErrorCode, quote } from '../../errors.js'

/**
 * `passes`: the same request may succeed in a moment. `denied`: who asks may not, or is not known (any more). `no-queue`: the queue is not there.
 * `deleted-recently`: and may not be created yet. `taken`: it is there, with other attributes. `too-long`: the batch as a whole. `full`: too many
 * messages are in flight. `refused`: this request will never succeed.
 */
export type Fault = 'passes' | 'denied' | 'no-queue' | 'deleted-recently' | 'taken' | 'too-long' | 'full' | 'refused'

/** API reference, «Common errors» and the errors of each action; the SDK gives the code as the name, older services as `Code` with a prefix. */
const FAULTS: Readonly<Record<string, Fault>> = Object.freeze({
  QueueDoesNotExist: 'no-queue',
  NonExistentQueue: 'no-queue',
  QueueDeletedRecently: 'deleted-recently',
  QueueNameExists: 'taken',
  QueueAlreadyExists: 'taken',
  BatchRequestTooLong: 'too-long',
  OverLimit: 'full',
  AccessDenied: 'denied',
  AccessDeniedException: 'denied',
  CredentialsProviderError: 'denied',
  ExpiredToken: 'denied',
  ExpiredTokenException: 'denied',
  IncompleteSignature: 'denied',
  InvalidAccessKeyId: 'denied',
  InvalidClientTokenId: 'denied',
  InvalidSecurity: 'denied',
  InvalidSignatureException: 'denied',
  KmsAccessDenied: 'denied',
  KmsDisabled: 'denied',
  KmsInvalidKeyUsage: 'denied',
  KmsInvalidState: 'denied',
  KmsNotFound: 'denied',
  KmsOptInRequired: 'denied',
  MissingAuthenticationToken: 'denied',
  NotAuthorized: 'denied',
  OptInRequired: 'denied',
  SignatureDoesNotMatch: 'denied',
  TokenProviderError: 'denied',
  UnrecognizedClientException: 'denied',
  InternalError: 'passes',
  InternalFailure: 'passes',
  KmsThrottled: 'passes',
  RequestExpired: 'passes',
  RequestInTheFuture: 'passes',
  RequestThrottled: 'passes',
  RequestTimeout: 'passes',
  RequestTimeTooSkewed: 'passes',
  ServiceUnavailable: 'passes',
  Throttling: 'passes',
  ThrottlingException: 'passes',
  TooManyRequestsException: 'passes',
})

interface SdkError {
  readonly name?: unknown
  readonly Code?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean }
}

const STATUS_OF_DENIAL: readonly number[] = [401, 403]
const shortened = (code: string): string => code.slice(code.lastIndexOf('.') + 1)

const codesOf = ({ name, Code }: SdkError): string[] => [name, Code].filter((code) => typeof code === 'string').map(shortened)

function faultOfSdk(error: SdkError): Fault {
  const status = error.$metadata?.httpStatusCode
  // The SDK has moved its clock to the server's: the next request is signed with the right time.
  if (error.$metadata?.clockSkewCorrected === true) return 'passes'
  for (const code of codesOf(error)) if (FAULTS[code] !== undefined) return FAULTS[code]
  if (status === undefined || status >= 500 || status === 429 || status === 408) return 'passes'
  return STATUS_OF_DENIAL.includes(status) ? 'denied' : 'refused'
}

/** Of one entry of a batch. */
export const faultOfEntry = (entry: { readonly Code?: string | undefined; readonly SenderFault?: boolean | undefined }): Fault =>
  FAULTS[shortened(entry.Code ?? '')] ?? (entry.SenderFault === true ? 'refused' : 'passes')

const CODES: Readonly<Record<Fault, KerjaErrorCode>> = Object.freeze({
  passes: 'BACKEND_UNAVAILABLE',
  'no-queue': 'BACKEND_UNAVAILABLE',
  'deleted-recently': 'BACKEND_UNAVAILABLE',
  taken: 'BACKEND_UNAVAILABLE',
  full: 'BACKEND_UNAVAILABLE',
  denied: 'STORE_DENIED',
  'too-long': 'PAYLOAD_TOO_LARGE',
  refused: 'VALUE_REFUSED',
})

const REMEDIES: Readonly<Record<Fault, string>> = Object.freeze({
  passes: 'Kerja tries again by itself; look at the network, at the endpoint and at the AWS status page if it lasts.',
  'no-queue': 'Create the queue, or let Kerja do so with `create: true` and the right sqs:CreateQueue.',
  'deleted-recently': 'SQS lets a deleted queue be created again after 60 seconds: Kerja goes on by itself then.',
  taken: 'Another process creates it at this moment; Kerja tries again.',
  full: 'Too many messages are received and not yet deleted (120,000 of one queue): workers must finish first.',
  denied: 'Renew the credentials, or allow this action to the identity that they belong to: docs/guides/sqs.md has the policy.',
  'too-long': 'Send smaller payloads, or raise MaximumMessageSize of the queue.',
  refused: 'The message of SQS says what it does not take.',
})

/** Words of a failure, for a message: code and text, on one line. */
const wordsOf = (error: unknown): string => {
  const { name, message } = error as { readonly name?: unknown; readonly message?: unknown }
  return `${String(name)}${typeof message === 'string' && message !== '' ? ` ${quote(message)}` : ''}`
}

export function coded(fault: Fault, what: string, words: string, cause?: unknown): KerjaError {
  return new KerjaError(CODES[fault], `sqs: ${what} failed: ${words}. ${REMEDIES[fault]}`, { cause, details: { fault, what } })
}

export const codedFromSdk = (error: unknown, what: string): KerjaError => coded(faultOfSdk(error as SdkError), what, wordsOf(error), error)

/** Of an error made here; null for any other. */
export const faultOf = (error: unknown): Fault | null => ((error as KerjaError | null)?.details?.fault as Fault | undefined) ?? null
