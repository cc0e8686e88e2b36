/**
 * JSON text as SQS takes it. Quotas, messages: `#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF`; a message with any other
 * character is refused. The last range is missing in the words of SQS's own refusal and in emulators, so it is not relied on. In JSON text such
 * characters can only stand inside strings, where the escape means the same.
 */

const REFUSED = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/g

export const escapeForSqs = (json: string): string => json.replace(REFUSED, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** Text that is no JSON, such as a reason: what SQS refuses becomes the replacement character. */
export const replaceForSqs = (text: string): string => text.replace(REFUSED, '\uFFFD')
