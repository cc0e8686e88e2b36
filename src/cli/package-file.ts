/** What `kerja init` adds to a package.json: only what is missing, in the file's own indentation. */
import { CliError } from './exit.js'
import type { Language } from './templates.js'

type Json = Record<string, unknown>

export interface PackageRequest {
  /** The file's text, or null when there is none. */
  readonly text: string | null
  /** Of the folder, for a new package.json. */
  readonly folderName: string
  readonly language: Language
  readonly kerjaVersion: string
  /** This Node has no SQLite that is safe to use. */
  readonly needsDriver: boolean
  readonly usesPnpm: boolean
  /** JavaScript files lie beside it that `"type": "module"` would read in another way. */
  readonly hasScripts: boolean
}

export interface PackageChange {
  readonly text: string
  /** What was added, as paths in the file: `dependencies.kerja`. */
  readonly added: readonly string[]
}

const DEPENDENCY_FIELDS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const
const DRIVER = Object.freeze({ name: 'better-sqlite3', range: '^12.11.1' })
const TYPESCRIPT_TOOLS: Readonly<Record<string, string>> = Object.freeze({ '@types/node': '^20.19.43', tsx: '^4.23.15', typescript: '^7.0.2' })
const INDENT_DEFAULT = 2

/** @throws {PACKAGE_INVALID} */
export function extendPackage({ text, folderName, language, kerjaVersion, needsDriver, usesPnpm, hasScripts }: PackageRequest): PackageChange {
  const content: Json = text === null ? { name: packageName(folderName), version: '0.0.0', private: true } : parsePackage(text)
  const added: string[] = []
  const add = (field: string, name: string, value: unknown) => {
    const section = (content[field] ?? {}) as Json
    if (section[name] !== undefined) return
    content[field] = { ...section, [name]: value }
    added.push(`${field}.${name}`)
  }
  const depend = (field: 'dependencies' | 'devDependencies', name: string, range: string) => {
    if (!DEPENDENCY_FIELDS.some((known) => (content[known] as Json | undefined)?.[name] !== undefined)) add(field, name, range)
  }

  if (content.type === undefined && !hasScripts) {
    content.type = 'module'
    added.push('type')
  }
  add('scripts', 'dev', 'kerja dev')
  add('scripts', 'worker', 'kerja worker')
  add('scripts', 'web', language === 'typescript' ? 'tsx web.ts' : 'node web.js')
  depend('dependencies', 'kerja', `^${kerjaVersion}`)
  if (needsDriver) {
    depend('dependencies', DRIVER.name, DRIVER.range)
    // Its native part is fetched or compiled by an install script, which npm 12 and pnpm 10 run only where this says so.
    if (usesPnpm) add('pnpm', 'onlyBuiltDependencies', [DRIVER.name])
    else add('allowScripts', DRIVER.name, true)
  }
  if (language === 'typescript') for (const [name, range] of Object.entries(TYPESCRIPT_TOOLS)) depend('devDependencies', name, range)
  return { text: `${JSON.stringify(content, null, indentOf(text))}\n`, added }
}

function parsePackage(text: string): Json {
  let content: unknown
  try {
    // A byte order mark, as some editors write it, is no JSON.
    content = JSON.parse(text.replace(/^\ufeff/, ''))
  } catch (cause) {
    throw new CliError(
      'PACKAGE_INVALID',
      `package.json is not JSON: ${cause instanceof Error ? cause.message : String(cause)}. Nothing was written.`,
      { cause },
    )
  }
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
  const isUsable = isObject(content) && [...DEPENDENCY_FIELDS, 'scripts'].every((field) => isObject((content as Json)[field] ?? {}))
  if (isUsable) return content as Json
  throw new CliError('PACKAGE_INVALID', 'package.json is not an object with objects of dependencies and scripts. Nothing was written.')
}

const indentOf = (text: string | null): string | number => /^\{\r?\n([ \t]+)"/.exec(text ?? '')?.[1] ?? INDENT_DEFAULT

/** A folder's name as npm accepts one. */
const packageName = (folderName: string): string =>
  folderName
    .toLowerCase()
    .replace(/[^a-z0-9._~-]+/g, '-')
    .replace(/^[._-]+|-+$/g, '') || 'app'
