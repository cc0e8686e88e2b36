/** What both the web process and the workers hold open. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Kerja } from 'kerja'
import { type Database, openDatabase } from './database.js'
import { createMailer, type Mailer } from './mailer.js'
import { readSettings, type Settings } from './settings.js'
import { sharesDatabase } from './together.js'

export interface App {
  readonly settings: Settings
  readonly database: Database
  readonly kerja: Kerja
  readonly mailer: Mailer
}

export async function openApp(options: { readonly durable: boolean }): Promise<App> {
  const settings = readSettings()
  mkdirSync(settings.filesFolder, { recursive: true })
  const kerja = new Kerja({ backend: settings.backendUrl, ...spoolOf(settings) })
  const database = openDatabase(settings.databasePath, options)
  await kerja.open()
  return { settings, database, kerja, mailer: createMailer(settings.smtpUrl) }
}

/** Jobs that a broker or a server cannot take are kept beside the rows until it can. The demo's folder may well be in memory: it says so. */
const spoolOf = (settings: Settings) => (sharesDatabase(settings) ? {} : { spool: { path: join(settings.folder, 'spool'), ephemeral: true } })

export async function closeApp({ database, kerja, mailer }: App): Promise<void> {
  mailer.close()
  await kerja.close()
  database.close()
}

/** A process that the demo started ends with the demo, however that one ends. Call it first: that may be while this process is starting. */
export function endWithParent(): void {
  const end = () => process.kill(process.pid, 'SIGTERM')
  if (process.connected === false) end()
  process.once('disconnect', end)
  // Listening must not be what keeps the process when it has nothing left to do.
  process.channel?.unref()
}
