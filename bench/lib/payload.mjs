/** What every job carries, for every contender: about 200 bytes of JSON. */
const BODY = 'The report that you asked for is ready. It will be kept for thirty days.'

export function makePayload(number) {
  return { number, to: `user-${number}@example.com`, subject: 'Your weekly report', body: BODY, locale: 'id-ID', urgent: false }
}

export function makePayloads(first, count) {
  return Array.from({ length: count }, (_, index) => makePayload(first + index))
}
