/** What the processes of the application are told, by environment variables, as a deployment would. */
import { join } from 'node:path'

export interface Settings {
  /** Holds the database and the files. */
  readonly folder: string
  readonly databasePath: string
  readonly filesFolder: string
  /** Where the jobs are kept. */
  readonly backendUrl: string
  readonly smtpUrl: string
  readonly paymentUrl: string
  readonly vapidPublicKey: string
  readonly vapidPrivateKey: string
  readonly port: number
}

const NAMES = {
  folder: 'PHOTO_SHARE_FOLDER',
  smtpUrl: 'PHOTO_SHARE_SMTP_URL',
  paymentUrl: 'PHOTO_SHARE_PAYMENT_URL',
  vapidPublicKey: 'PHOTO_SHARE_VAPID_PUBLIC_KEY',
  vapidPrivateKey: 'PHOTO_SHARE_VAPID_PRIVATE_KEY',
} as const

type Given = Readonly<Record<keyof typeof NAMES, string>>

export function readSettings(environment: NodeJS.ProcessEnv = process.env): Settings {
  const folder = required(environment, 'folder')
  const databasePath = join(folder, 'photo-share.db')
  return {
    folder,
    databasePath,
    filesFolder: join(folder, 'files'),
    // Jobs beside the application's own rows, in one file: that is what lets a row and its job commit together.
    backendUrl: environment.KERJA_URL ?? `sqlite:${databasePath}`,
    smtpUrl: required(environment, 'smtpUrl'),
    paymentUrl: required(environment, 'paymentUrl'),
    vapidPublicKey: required(environment, 'vapidPublicKey'),
    vapidPrivateKey: required(environment, 'vapidPrivateKey'),
    port: Number(environment.PORT ?? 0),
  }
}

/** The variables that make `readSettings` of a child process answer the same. */
export const toEnvironment = (given: Given): Record<string, string> =>
  Object.fromEntries(Object.entries(NAMES).map(([key, name]) => [name, given[key as keyof Given]]))

function required(environment: NodeJS.ProcessEnv, key: keyof typeof NAMES): string {
  const value = environment[NAMES[key]]
  if (value === undefined || value === '') throw new Error(`Set ${NAMES[key]}.`)
  return value
}
