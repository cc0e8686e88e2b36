/**
 * JSON text as SQS takes it. Quotas, messages: `#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF`; a message with any other
 * character is refused. In JSON text all others can only stand inside strings, where the escape means the same.
 */

// With the flag u a pair of surrogates is one character, so half a pair is found too: it has no UTF-8 form.
const REFUSED = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu

export const escapeForSqs = (json: string): string =>
  json.replace(REFUSED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** Text that is no JSON, such as a reason: what SQS refuses becomes the replacement character. */
export const replaceForSqs = (text: string): string => text.replace(REFUSED, '\uFFFD')
