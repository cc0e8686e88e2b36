/** What can be read off a project's folder: where it begins and which package manager it uses. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The folder of the nearest package.json, or `from` itself. */
export function projectRoot(from: string): string {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (dirname(folder) === folder) return resolve(from)
  }
}

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
