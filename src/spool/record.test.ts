// What is damaged is lost alone, at whatever byte, and is always seen.
import { describe, expect, it } from 'vitest'
import type { NewJob } from '../contract/job.js'
import { decodeRecord, encodeJob, encodeRecord, parseRecords } from './record.js'

const job = (n: number): NewJob => ({
  id: `01a20e55-c721-73e4-ba47-00000000000${n}`,
  kind: 'mail.welcome',
  version: 1,
  queue: 'default',
  priority: 2,
  payload: `{"n":${n},"text":"line\\nbreak ünï 🙂"}`,
  delayMs: 0,
  runAt: null,
  maxAttempts: 10,
  giveUpAfterMs: null,
  startWithinMs: null,
  group: null,
  tags: [],
  idempotency: null,
  unique: null,
  parentId: null,
  tick: null,
})

const lines = [1, 2, 3].map((n) => Buffer.from(encodeJob({ at: n, job: job(n) })))
const file = Buffer.concat(lines)
/** Where each record ends. */
const ends = lines.map((_, index) => lines.slice(0, index + 1).reduce((sum, { length }) => sum + length, 0))
const parse = (bytes: Buffer, isWhole = true, limit = 100) => parseRecords(bytes, { start: 0, isWhole, limit })
const numbers = (bytes: Buffer) => parse(bytes).jobs.map(({ at }) => at)

describe('records', () => {
  it('come back as they were written', () => {
    const { jobs, damages, end } = parse(file)
    expect(jobs).toEqual([1, 2, 3].map((n) => ({ at: n, job: job(n), end: ends[n - 1] })))
    expect([damages, end]).toEqual([[], file.length])
    expect(decodeRecord(Buffer.from(encodeRecord('4711')))).toBe('4711')
  })

  it('are read in parts', () => {
    expect(parse(file, true, 2)).toMatchObject({ jobs: [{ at: 1 }, { at: 2 }], end: ends[1] })
    for (let cut = 0; cut < file.length; cut += 1) {
      const { jobs, damages, end } = parse(file.subarray(0, cut), false)
      const whole = ends.filter((each) => each <= cut)
      expect(
        jobs.map(({ at }) => at),
        `cut at ${cut}`,
      ).toEqual(whole.map((_, index) => index + 1))
      // The newline is to come as well: by itself it would be damage.
      expect([damages, end]).toEqual([[], whole.at(-1) ?? 0])
    }
  })

  it('with any bit flipped lose the one that it is in, and no other', () => {
    for (let byte = 0; byte < file.length; byte += 1) {
      const hit = ends.findIndex((end) => byte < end)
      for (let bit = 0; bit < 8; bit += 1) {
        const bytes = Buffer.from(file)
        bytes[byte] = (bytes[byte] as number) ^ (1 << bit)
        const { jobs, damages } = parse(bytes)
        // The newline belongs to none.
        const isNewline = byte + 1 === ends[hit]
        const expected = [1, 2, 3].filter((n) => isNewline || n !== hit + 1)
        expect([jobs.map(({ at }) => at), damages.length], `bit ${bit} of byte ${byte}`).toEqual([expected, isNewline ? 0 : 1])
        expect(jobs.map((spooled) => spooled.job)).toEqual(expected.map(job))
        if (!isNewline) expect(damages).toEqual([{ start: ends[hit - 1] ?? 0, end: ends[hit] }])
      }
    }
  })

  it('cut at any byte keep those before, and what is cut is seen', () => {
    for (let cut = 0; cut < file.length; cut += 1) {
      const { jobs, damages, end } = parse(file.subarray(0, cut))
      const whole = ends.filter((each) => each <= cut + 1).length
      expect(jobs.map(({ at }) => at)).toEqual([1, 2, 3].slice(0, whole))
      expect(damages.length, `cut at ${cut}`).toBe(cut > (ends[whole - 1] ?? 0) ? 1 : 0)
      expect(end).toBe(cut)
    }
  })

  it('go on behind what is no record', () => {
    const junk = Buffer.from('\0\0\0K1 ffffffff 00000000 {}\nnonsense\n\n')
    expect(numbers(Buffer.concat([junk, file]))).toEqual([1, 2, 3])
    expect(parse(Buffer.concat([lines[0] as Buffer, junk, lines[1] as Buffer])).damages).toEqual([{ start: ends[0], end: ends[0]! + junk.length }])
  })

  it.each(Object.keys(job(1)))('of a job without its %s are damage', (name) => {
    const { [name as keyof NewJob]: _, ...rest } = job(1)
    const { jobs, damages } = parse(Buffer.concat([Buffer.from(encodeRecord(JSON.stringify({ at: 1, job: rest }))), file]))
    expect([jobs.length, damages.length]).toEqual([3, 1])
  })

  it.each(['{', '5', 'null', '{"at":1}', '{"at":1,"job":{"id":"x"}}', '{"at":"1","job":{}}'])(
    'of sound bytes that are no job are damage: %s',
    (text) => {
      const { jobs, damages } = parse(Buffer.concat([Buffer.from(encodeRecord(text)), file]))
      expect([jobs.length, damages.length]).toEqual([3, 1])
    },
  )
})
