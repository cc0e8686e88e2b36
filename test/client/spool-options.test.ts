// What `new Kerja({ spool })` takes and refuses.
import { Kerja } from 'kerja'
import { memory } from 'kerja/memory'
import { describe, expect, it } from 'vitest'

describe('the option spool', () => {
  it('is off when none is configured', () => {
    const kerja = new Kerja({ backend: memory(), logger: 'silent' })
    expect(kerja.spool.stats()).toMatchObject({ state: 'off', jobCount: 0 })
  })

  it.each([
    [{ path: 'x', maxByte: 1 }, 'OPTION_UNKNOWN', /maxBytes/],
    [{ path: '' }, 'OPTION_INVALID', /spool\.path/],
    [{ path: 'x', maxBytes: 10 }, 'OPTION_INVALID', /spool\.maxBytes.*1048576.*10/],
    [{ path: 'x', maxBytes: '1GB' }, 'OPTION_INVALID', /spool\.maxBytes/],
    [{ path: 'x', mode: 'sometimes' }, 'OPTION_INVALID', /'outage' or 'always'/],
    [{ path: 'x', ephemeral: 1 }, 'OPTION_INVALID', /spool\.ephemeral/],
    ['x', 'OPTION_INVALID', /spool must be an object/],
    [null, 'OPTION_INVALID', /spool must be an object/],
  ])('refuses %j', (spool, code, words) => {
    expect(() => new Kerja({ backend: 'memory:', spool: spool as never })).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(words) }),
    )
  })
})
