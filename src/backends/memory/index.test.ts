import { expect, it } from 'vitest'
import { memory } from './index.js'

it('refuses an option that it does not know, and names the one that was meant', () => {
  const refusal = expect.objectContaining({ code: 'OPTION_UNKNOWN', message: expect.stringContaining('Did you mean "clock"?') })
  expect(() => memory({ clok: undefined } as never)).toThrow(refusal)
})
