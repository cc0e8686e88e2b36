// Imports point one way, files stay readable, core stays pure. The table is the one of docs/architecture.md.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { describe, expect, it } from 'vitest'

const src = resolve(import.meta.dirname, '../src')

/** Folder (or top-level file) → what it may import besides itself. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'errors.ts': [],
  core: ['errors.ts'],
  define: ['core', 'errors.ts'],
  contract: ['core'],
  observe: ['contract', 'core'],
  client: ['contract', 'core', 'define', 'errors.ts', 'observe'],
  maintenance: ['contract', 'core', 'errors.ts', 'observe'],
  // Workers and forwarders hold jobs under leases.
  lease: ['contract', 'core', 'errors.ts'],
  // A scheduler is a duty; a worker runs the duties.
  scheduler: ['contract', 'core', 'observe', 'maintenance'],
  'version.ts': [],
  worker: ['version.ts', 'contract', 'core', 'define', 'errors.ts', 'observe', 'lease', 'maintenance', 'scheduler'],
  // Files and their records: no backend.
  spool: ['contract', 'core', 'errors.ts'],
  forwarder: ['version.ts', 'contract', 'core', 'errors.ts', 'observe', 'lease', 'maintenance', 'spool'],
  'backends/memory': ['contract', 'core', 'errors.ts'],
  'backends/sqlite': ['contract', 'core', 'errors.ts'],
  'backends/postgres': ['contract', 'core', 'errors.ts'],
  'backends/rabbitmq': ['core', 'errors.ts', 'backends/broker'],
  'backends/broker': ['contract', 'core', 'errors.ts'],
  'backends/sqs': ['core', 'errors.ts', 'backends/broker'],
  'broker-state.ts': ['backend-url.ts', 'contract', 'errors.ts', 'backends/broker', 'backends/sqlite', 'backends/postgres'],
  'rabbitmq.ts': ['broker-state.ts', 'contract', 'backends/broker', 'backends/rabbitmq'],
  'sqs.ts': ['broker-state.ts', 'contract', 'backends/broker', 'backends/sqs'],
  'open-backend.ts': [
    'backend-url.ts',
    'contract',
    'errors.ts',
    'observe',
    'backends/memory',
    'backends/sqlite',
    'backends/postgres',
    'rabbitmq.ts',
    'sqs.ts',
  ],
  'backend-url.ts': ['core', 'errors.ts'],
  'kerja.ts': ['config.ts', 'client', 'contract', 'core', 'define', 'forwarder', 'observe', 'worker', 'open-backend.ts'],
  'index.ts': ['client', 'core', 'define', 'errors.ts', 'kerja.ts', 'observe', 'worker', 'config.ts'],
  'config.ts': ['backend-url.ts', 'core', 'errors.ts', 'observe', 'contract'],
  testing: ['contract', 'core'],
  cli: ['index.ts', 'version.ts', 'backend-url.ts', 'open-backend.ts', 'contract', 'core', 'forwarder', 'spool'],
}
const PACKAGES: Record<string, readonly string[]> = {
  core: ['croner'],
  define: ['@standard-schema/spec'],
  cli: ['commander', 'jiti'],
  'backends/postgres': ['pg'],
  'backends/rabbitmq': ['amqplib'],
  'backends/sqs': ['@aws-sdk/client-sqs'],
}
/** Runs in a browser. */
const NODE_FREE = ['core', 'define', 'errors.ts']
const LINES_MAX = 400

interface SourceFile {
  readonly path: string
  readonly unit: string
  readonly text: string
}

const unitOf = (path: string): string => {
  const parts = relative(src, path).split(sep)
  return parts[0] === 'backends' ? `backends/${parts[1]}` : (parts[0] as string)
}
const sources: readonly SourceFile[] = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => join(src, name))
  .map((path) => ({ path, unit: unitOf(path), text: readFileSync(path, 'utf8') }))

// A statement's names may span lines; nothing quoted stands between the keyword and its `from`.
const IMPORTS =
  /^import\s+(?:type\s+)?[\w*{][^'"]*?\sfrom\s'([^']+)'|^export\s+(?:type\s+)?[*{][^'"=(]*?\sfrom\s'([^']+)'|^import\s'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm
const importsOf = ({ text }: SourceFile): string[] =>
  [...text.matchAll(IMPORTS)].map((match) => match.slice(1).find((specifier) => specifier !== undefined) as string)
const resolved = (file: SourceFile, specifier: string): string => resolve(dirname(file.path), specifier).replace(/\.js$/, '.ts')

describe('architecture', () => {
  it('has a place in the table for every folder', () => {
    expect([...new Set(sources.map((file) => file.unit))].filter((unit) => !(unit in MAY_IMPORT))).toEqual([])
  })

  it('imports point one way', () => {
    const breaches = sources.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => unitOf(resolved(file, specifier)))
        .filter((unit) => unit !== file.unit && !MAY_IMPORT[file.unit]?.includes(unit))
        .map((unit) => `${relative(src, file.path)} → ${unit}`),
    )
    expect(breaches).toEqual([])
  })

  it('permits no import that nobody makes', () => {
    const made = new Set(
      sources.flatMap((file) =>
        importsOf(file).map((specifier) => `${file.unit} → ${specifier.startsWith('.') ? unitOf(resolved(file, specifier)) : specifier}`),
      ),
    )
    const permitted = [MAY_IMPORT, PACKAGES].flatMap((table) =>
      Object.entries(table).flatMap(([unit, targets]) => targets.map((target) => `${unit} → ${target}`)),
    )
    expect(permitted.filter((permission) => !made.has(permission))).toEqual([])
  })

  it('outside packages are the ones allowed', () => {
    const breaches = sources.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
        .filter((specifier) => !PACKAGES[file.unit]?.includes(specifier))
        .map((specifier) => `${relative(src, file.path)} → ${specifier}`),
    )
    expect(breaches).toEqual([])
  })

  it('core and define import nothing of Node', () => {
    const breaches = sources
      .filter((file) => NODE_FREE.includes(file.unit))
      .flatMap((file) => importsOf(file).filter((specifier) => specifier.startsWith('node:')))
    expect(breaches).toEqual([])
  })

  it('core and define ask neither the clock nor chance', () => {
    const asking = sources
      .filter((file) => NODE_FREE.includes(file.unit))
      .filter((file) => /\bDate\.now\b|\bMath\.random\b|\bnew Date\(\)/.test(file.text))
    expect(asking.map((file) => relative(src, file.path))).toEqual([])
  })

  it('has no import cycle', () => {
    const graph = new Map(
      sources.map((file) => [
        file.path,
        importsOf(file)
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => resolved(file, specifier)),
      ]),
    )
    const done = new Set<string>()
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path))
        throw new Error(`cycle: ${[...trail.slice(trail.indexOf(path)), path].map((step) => relative(src, step)).join(' → ')}`)
      if (done.has(path)) return
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
      done.add(path)
    }
    for (const path of graph.keys()) visit(path, [])
  })

  it('keeps files readable in one sitting', () => {
    expect(sources.filter((file) => file.text.split('\n').length > LINES_MAX).map((file) => relative(src, file.path))).toEqual([])
  })

  it('knows its own version', () => {
    const { version } = JSON.parse(readFileSync(join(src, '../package.json'), 'utf8')) as { version: string }
    expect(readFileSync(join(src, 'version.ts'), 'utf8')).toContain(`'${version}'`)
  })

  it('reads the environment only where it may', () => {
    const readers = sources.filter((file) => /process\.env\b/.test(file.text)).map((file) => file.unit)
    expect([...new Set(readers)].filter((unit) => unit !== 'cli' && unit !== 'open-backend.ts')).toEqual([])
  })
})
