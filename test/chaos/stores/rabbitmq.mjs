// A RabbitMQ node of the run's own, killed and started again, with all connections to it cut in between; its state is a SQLite file. Births and
// ends are those of the state: a job is born where it is checked out, or where it is kept because it has a key.
import { setTimeout as sleep } from 'node:timers/promises'
import { createJiti } from 'jiti'
import { openStore as openState } from './sqlite.mjs'

const RESTART_EVERY_MS = 12_000
const CUT_EVERY_MS = 1_500
const DOWN_MS_MAX = 1_500

export async function openStore({ folder, random }) {
  const jiti = createJiti(import.meta.url)
  const { startNode } = await jiti.import('../../support/rabbitmq-server.ts')
  const { startProxy } = await jiti.import('../../support/tcp-proxy.ts')
  const state = await openState({ folder })
  const node = await startNode()
  const proxy = await startProxy({ host: '127.0.0.1', port: node.port })
  // For this process and for those it starts.
  process.env.KERJA_STATE_URL = state.url
  const counts = { restarts: 0, terminated: 0 }
  const outages = []

  async function restart() {
    const startedAt = Date.now()
    await node.kill()
    await sleep(random() * DOWN_MS_MAX)
    await node.start()
    counts.restarts += 1
    outages.push({ startedAt, endedAt: Date.now() })
  }

  async function cut() {
    proxy.cut()
    counts.terminated += 1
  }

  return {
    ...state,
    url: node.url.replace(String(node.port), String(proxy.port)),
    faults: [
      { everyMs: RESTART_EVERY_MS, act: restart },
      { everyMs: CUT_EVERY_MS, act: cut },
    ],
    outages,
    counts: () => counts,
    close: async () => {
      await proxy.close()
      await node.destroy()
      await state.close()
    },
  }
}
