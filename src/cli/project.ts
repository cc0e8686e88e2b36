/** Which package manager a project uses. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export interface PackageManager {
  readonly install: string
  /** Runs a command of an installed package. */
  readonly exec: string
}

const MANAGERS: readonly { readonly name: string; readonly lockFiles: readonly string[]; readonly manager: PackageManager }[] = Object.freeze([
  { name: 'pnpm', lockFiles: ['pnpm-lock.yaml'], manager: { install: 'pnpm install', exec: 'pnpm exec' } },
  { name: 'yarn', lockFiles: ['yarn.lock'], manager: { install: 'yarn install', exec: 'yarn' } },
  { name: 'bun', lockFiles: ['bun.lock', 'bun.lockb'], manager: { install: 'bun install', exec: 'bunx' } },
])
const NPM: PackageManager = Object.freeze({ install: 'npm install', exec: 'npx' })

/** By lock file, else by who started us (`npm_config_user_agent`), else npm. */
export function packageManager(folder: string, userAgent: string | undefined): PackageManager {
  const byLock = MANAGERS.find(({ lockFiles }) => lockFiles.some((file) => existsSync(join(folder, file))))
  if (byLock !== undefined) return byLock.manager
  if (existsSync(join(folder, 'package-lock.json'))) return NPM
  return MANAGERS.find(({ name }) => userAgent?.startsWith(`${name}/`))?.manager ?? NPM
}
