// npm run check:package [-- --node 20 --node 22 …]: what is published works. Packs the tarball, checks its exports and types, installs it
// into an empty folder and runs the README's first example there on each Node line asked for (default: the one running this).
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runReadmeExample, writeReadmeExample } from './lib/readme-example.mjs'
import { build, ensureDependencies, root, run, tool } from './lib/setup.mjs'

const { values } = parseArgs({ options: { node: { type: 'string', multiple: true, default: [] } } })

ensureDependencies()
rmSync(join(root, 'dist'), { recursive: true, force: true })
build()
const folder = mkdtempSync(join(tmpdir(), 'kerja-package-'))
try {
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { stdio: ['ignore', 'ignore', 'inherit'] })
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const tarball = join(folder, `${name}-${version}.tgz`)
  tool('publint/src/cli.js', [tarball, '--strict'])
  tool('@arethetypeswrong/cli/dist/index.js', [tarball, '--profile', 'esm-only'])
  const lines = values.node.length > 0 ? values.node : [process.versions.node.split('.')[0]]
  for (const line of lines) await checkOn(line, tarball)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function checkOn(line, tarball) {
  const node = nodeOf(line)
  const project = join(folder, `on-${line}`)
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  // Node 20 has no SQLite of its own.
  const packages = Number(line) < 22 ? [tarball, 'better-sqlite3@12'] : [tarball]
  run('npm', ['install', '--no-fund', '--no-audit', '--loglevel', 'error', ...packages], { cwd: project })
  writeReadmeExample(project)
  await runReadmeExample(node, project)
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  console.log(`Node ${stdout.trim()}: the tarball runs the README's first example`)
}

/** This process's own Node when it is of that line, else a binary from npm in a scratch folder. */
function nodeOf(line) {
  if (process.versions.node.split('.')[0] === line) return process.execPath
  const scratch = join(root, 'build', `node-${line}`)
  const binary = join(scratch, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (!existsSync(binary)) {
    mkdirSync(scratch, { recursive: true })
    writeFileSync(join(scratch, 'package.json'), JSON.stringify({ private: true }))
    run(
      'npm',
      ['install', '--no-fund', '--no-audit', '--ignore-scripts', '--loglevel', 'error', `node-${process.platform}-${process.arch}@^${line}`],
      { cwd: scratch },
    )
  }
  return binary
}
