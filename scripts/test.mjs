// npm test: everything a change must pass, on a fresh clone as the first command. Arguments go to vitest.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { build, ensureAdapters, ensureDependencies, root, run, tool } from './lib/setup.mjs'

ensureDependencies()
rmSync(join(root, 'dist'), { recursive: true, force: true })
build()
const only = process.argv.slice(2)
if (only.length === 0 || only.some((name) => name.includes('postgres'))) ensureAdapters()
if (only.length === 0) {
  tool('@biomejs/biome/bin/biome', ['check', '--error-on-warnings'])
  tool('typescript/bin/tsc', ['-p', 'test/tsconfig.json'])
}
rmSync(join(root, 'build/conformance'), { recursive: true, force: true })
tool('vitest/vitest.mjs', ['run', ...only])
if (only.length === 0) run(process.execPath, [join(root, 'scripts/write-conformance-doc.mjs'), '--check'])
