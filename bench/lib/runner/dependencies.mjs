/** Installs what the benchmarks measure against. It is not needed to work on Kerja, so the root install leaves it out. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { needsOtherNode } from './newer-node.mjs'

const BENCH = fileURLToPath(new URL('../../', import.meta.url))
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const PEERS = `${BENCH}peers/`

function install(folder, packages, flags = []) {
  if (packages.every((name) => existsSync(`${folder}node_modules/${name}`))) return
  console.error('bench: installing what Kerja is measured against')
  // Nothing here is built from source: install scripts are not needed.
  const { status, error } = spawnSync('npm', ['ci', '--ignore-scripts', ...flags], { cwd: folder, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error(`npm ci in ${folder} failed (${error?.message ?? `exit code ${status}`}). Run it by hand, then try again.`)
}

/** `withPeers`: also the PostgreSQL job systems, and the newer Node that they need where this one is older. */
export function ensureDependencies({ withPeers }) {
  install(BENCH, ['bullmq', 'ioredis', 'pg'])
  if (withPeers) install(PEERS, ['pg-boss', 'graphile-worker'], needsOtherNode() ? [] : ['--omit=optional'])
}

export function ensureBuilt() {
  if (!existsSync(`${ROOT}dist/index.js`)) throw new Error('Kerja is not built. Run `npm run build`, or leave it out: `--contenders raw,bullmq`.')
}
