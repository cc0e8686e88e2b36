/** Payload and result types: any Standard Schema, or `type<T>()` for none. */
import type { StandardSchemaV1 } from '@standard-schema/spec'

export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>
export type InputOf<S extends Schema> = StandardSchemaV1.InferInput<S>
export type OutputOf<S extends Schema> = StandardSchemaV1.InferOutput<S>

/**
 * A payload or result type that is checked by the compiler only.
 * @example defineJob({ kind: 'mail.send', payload: type<{ to: string }>() })
 */
export function type<T = unknown>(): Schema<T, T> {
  return Object.freeze({
    '~standard': Object.freeze({ version: 1 as const, vendor: 'kerja', validate: (value: unknown) => ({ value: value as T }) }),
  })
}
