/** Reading values that may be hostile (throwing getters, revoked proxies) without ever throwing. */

/** The property, or undefined when there is none, when `value` cannot have one, or when reading it throws. */
export function readProperty(value: unknown, key: PropertyKey): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined
  try {
    return (value as Record<PropertyKey, unknown>)[key]
  } catch {
    // A getter or a proxy trap threw: what cannot be read is as good as absent.
    return undefined
  }
}

/** The property when it is a string with at least one character, else null. */
export function readText(value: unknown, key: PropertyKey): string | null {
  const property = readProperty(value, key)
  return typeof property === 'string' && property.length > 0 ? property : null
}
