// npm test: everything a change must pass, on a fresh clone as the first command. Arguments go to vitest.
import { existsSync, rmSync } from 'node:fs'
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
// Temporary stores lie in memory where there is such a place: tests end processes, not the power, and would only wait for a slow disk.
if (process.env.TMPDIR === undefined && existsSync('/dev/shm')) process.env.TMPDIR = '/dev/shm'
tool('vitest/vitest.mjs', ['run', ...only])
if (only.length === 0) run(process.execPath, [join(root, 'scripts/write-conformance-doc.mjs'), '--check'])
