// A handler that blocks its event loop for longer than a lease keeps its job: the engine thread renews it. Real time, real processes.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Kerja } from 'kerja'
import { defineJob, type } from 'kerja/define'
import { expect, it, onTestFinished } from 'vitest'

const LEASE_MS = 10_000
const BLOCK_MS = LEASE_MS + 3_000

const block = defineJob({ kind: 'test.block', payload: type<{ ms: number }>(), result: type<{ token: number }>() })

/** A worker that blocks: Atomics.wait holds the thread like a long computation, without burning a core. */
const WORKER = `
import { Kerja } from 'kerja'
import { defineJob, type } from 'kerja/define'
const kerja = new Kerja({ backend: process.argv[2], logger: 'error' })
const block = defineJob({ kind: 'test.block', payload: type(), result: type() })
const worker = kerja.worker({ handlers: [block.handle(({ ms }) => {
  process.send('blocking')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
})] })
await worker.start()
process.send('started')
process.on('disconnect', () => process.exit())
`

it('keeps its lease while its handler blocks the event loop', { timeout: 60_000 }, async () => {
  // In the repository, so that the script finds the package by its own name.
  const folder = mkdtempSync(join(tmpdir(), 'kerja-blocked-'))
  const script = join(import.meta.dirname, `../../build/blocked-worker-${process.pid}.mjs`)
  mkdirSync(dirname(script), { recursive: true })
  writeFileSync(script, WORKER)
  const url = `sqlite:${join(folder, 'jobs.db')}`
  const first = fork(script, [url])
  await nextMessage(first, 'started')

  const kerja = new Kerja({ backend: url, logger: 'error' })
  onTestFinished(async () => {
    first.kill('SIGKILL')
    await kerja.close()
    rmSync(folder, { recursive: true, force: true })
    rmSync(script)
  })
  const { id } = await kerja.enqueue(block, { ms: BLOCK_MS })
  await nextMessage(first, 'blocking')
  // From now on somebody else is there who rescues what lapses and would run it again.
  const ran: string[] = []
  const second = kerja.worker({ handlers: [block.handle((_payload, ctx) => void ran.push(ctx.id) as never)] })
  await second.start()
  await kerja.result(block, id, { timeout: BLOCK_MS + 20_000 })
  expect(ran).toEqual([])
  expect(await kerja.jobs.get(id)).toMatchObject({ state: 'completed', token: 1, attempt: 1, crashCount: 0 })
})

async function nextMessage(child: ReturnType<typeof fork>, wanted: string): Promise<void> {
  for (;;) {
    const [message] = await once(child, 'message')
    if (message === wanted) return
  }
}
