// The README's first example, read from the README and run as it says: for test/docs.test.ts in this repository, and for
// scripts/check-package.mjs in a folder where the packed tarball is installed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { root } from './setup.mjs'

const LIMIT_MS = 25_000
const ADDRESS = 'ana@example.com'

/** Writes the code blocks whose first line names their file, such as `// jobs.mjs`. */
export function writeReadmeExample(folder) {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const blocks = [...readme.matchAll(/^```js\n(\/\/ ([\w-]+\.mjs)\n[\s\S]*?)^```/gm)]
  if (blocks.length === 0) throw new Error('README.md has no code block that begins with "// <name>.mjs"')
  for (const [, text, name] of blocks) writeFileSync(join(folder, name), text)
}

/**
 * Starts the worker and the web server with `node` in `folder`, asks as the README's curl does, waits for the welcome, and stops both.
 * Throws when anything is not as the README says.
 */
export async function runReadmeExample(node, folder) {
  const port = await freePort()
  const { KERJA_URL: _url, NODE_ENV: _environment, ...inherited } = process.env
  const start = (file) =>
    follow(file, spawn(node, [file], { cwd: folder, env: { ...inherited, PORT: String(port) }, stdio: ['ignore', 'pipe', 'pipe'] }))
  const worker = start('worker.mjs')
  const web = start('web.mjs')
  try {
    await Promise.all([worker.printed('worker started'), web.printed('listening')])
    const answer = await fetch(`http://localhost:${port}/signup?email=${ADDRESS}`, { method: 'POST' })
    if (answer.status !== 202) throw new Error(`web.mjs answered ${answer.status}: ${await answer.text()}`)
    const receipt = await answer.json()
    if (receipt.durability !== 'queued' || receipt.duplicate !== false) throw new Error(`web.mjs gave the receipt ${JSON.stringify(receipt)}`)
    await worker.printed(`Welcome, ${ADDRESS}!`)
    for (const { child } of [worker, web]) child.kill('SIGTERM')
    const [code] = await worker.exited
    if (code !== 0) throw new Error(`worker.mjs ended with code ${code} when asked to stop`)
    await web.exited
  } finally {
    for (const { child } of [worker, web]) child.kill('SIGKILL')
  }
}

/** The child, its end, and what it prints to either stream. */
function follow(file, child) {
  const exited = once(child, 'exit')
  let output = ''
  const readers = new Set()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
      for (const reader of readers) reader()
    })
  }
  const printed = (words) =>
    new Promise((resolve, reject) => {
      const end = (settle) => {
        clearTimeout(timer)
        readers.delete(look)
        settle()
      }
      const fail = (why) => end(() => reject(new Error(`${file} ${why} before it printed "${words}":\n${output}`)))
      const look = () => output.includes(words) && end(resolve)
      const timer = setTimeout(() => fail(`ran for ${LIMIT_MS} ms`), LIMIT_MS)
      readers.add(look)
      look()
      exited.then(() => fail('ended'))
    })
  return { child, exited, printed }
}

async function freePort() {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}
