/** The Node that runs the peers which ask for a newer one than the suite may run on: this one if it is new enough, else a binary from npm. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// What graphile-worker 0.18 asks for; pg-boss 12 asks for less.
const NEEDED = [22, 18]
const PACKAGES = ['node', 'node-bin'].map((prefix) => `${prefix}-${process.platform}-${process.arch}`)

const isNewEnough = (version) => {
  const [major, minor] = version.replace('v', '').split('.').map(Number)
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])
}

export const needsOtherNode = () => !isNewEnough(process.version)

/** Path of the program. */
export function findNewerNode() {
  if (!needsOtherNode()) return process.execPath
  const paths = PACKAGES.map((name) => fileURLToPath(new URL(`../../peers/node_modules/${name}/bin/node`, import.meta.url)))
  const path = paths.find(existsSync)
  if (path !== undefined) return path
  throw new Error(
    `pg-boss and graphile-worker need Node ${NEEDED.join('.')} or newer, and npm has no binary of it for ${process.platform}-${process.arch} here. ` +
      'Run the benchmark with a newer Node, or leave them out: `--contenders kerja,raw,bullmq`.',
  )
}

export const versionOfNode = (path) => spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.trim().slice(1)
