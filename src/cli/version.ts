/** The version of the package this command belongs to. */
import { readFileSync } from 'node:fs'

export function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string }
  return version
}
