// The README's first example, read from the README: its code blocks whose first line names the file.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './setup.mjs'

/** [file name, text] of each. */
export function readmeExample() {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const blocks = [...readme.matchAll(/```js\n\/\/ (\S+\.mjs)\b[^\n]*\n([\s\S]*?)```/g)].map((match) => [match[1], match[2]])
  if (blocks.length === 0) throw new Error('README.md has no code block that begins with "// <name>.mjs"')
  return blocks
}
