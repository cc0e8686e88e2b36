// Errors are told by their brand and code, not by the copy of the module that made them.
import { expect, it, vi } from 'vitest'
import { ERROR_CODES, isAway, isKerjaError, KerjaError, type KerjaErrorCode, LeaseLostError, passesByItself } from './errors.js'

it('knows the errors of another copy of this module, as a hot reload leaves one', async () => {
  vi.resetModules()
  const copy = await import('./errors.js')
  const foreign = new copy.LeaseLostError('1', 'expired')
  expect(foreign).not.toBeInstanceOf(KerjaError)
  expect(isKerjaError(foreign)).toBe(true)
  expect(isKerjaError(foreign, 'LEASE_LOST')).toBe(true)
  expect(isKerjaError(foreign, 'STORE_FULL')).toBe(false)
})

it.each([undefined, null, 7, 'LEASE_LOST', {}, { code: 'LEASE_LOST' }, Object.assign(new Error('x'), { code: 'LEASE_LOST' })])(
  'takes %o for none of its own',
  (value) => {
    expect(isKerjaError(value)).toBe(false)
  },
)

it('takes a hostile value for none of its own, without throwing', () => {
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  expect(isKerjaError(revoked.proxy)).toBe(false)
})

it('shows its brand to nobody', () => {
  expect(Reflect.ownKeys(new LeaseLostError('1', 'expired')).filter((key) => typeof key === 'symbol')).toEqual([])
})

it('says of every BACKEND, STATE, STORE and DRIVER code, and of no other, that the backend is away; two of them pass by themselves', () => {
  const all = (Object.keys(ERROR_CODES) as KerjaErrorCode[]).map((code) => new KerjaError(code, 'x'))
  const codes = (test: (error: unknown) => boolean) => all.filter(test).map(({ code }) => code)
  expect(codes(isAway)).toEqual(Object.keys(ERROR_CODES).filter((code) => /^(?:BACKEND|STATE|STORE|DRIVER)_/.test(code)))
  expect(codes(passesByItself)).toEqual(['BACKEND_UNAVAILABLE', 'STORE_LOCKED'])
  expect(isAway(new Error('x'))).toBe(false)
})
