/** Installs what the benchmarks measure against. It is not needed to work on Kerja, so the root install leaves it out. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const BENCH = fileURLToPath(new URL('../../', import.meta.url))
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

export function ensureDependencies() {
  if (existsSync(`${BENCH}node_modules/bullmq`) && existsSync(`${BENCH}node_modules/ioredis`)) return
  console.error('bench: installing what Kerja is measured against')
  // Nothing here is built from source: install scripts are not needed.
  const { status, error } = spawnSync('npm', ['ci', '--ignore-scripts'], { cwd: BENCH, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error(`npm ci in bench/ failed (${error?.message ?? `exit code ${status}`}). Run it by hand, then try again.`)
}

export function ensureBuilt() {
  if (!existsSync(`${ROOT}dist/index.js`)) throw new Error('Kerja is not built. Run `npm run build`, or leave it out: `--contenders raw,bullmq`.')
}
