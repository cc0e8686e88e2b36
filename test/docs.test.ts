// The documentation says what the code does: codes, options, states, the tree and its imports, links, snippets, and the first example.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { ERROR_CODES } from 'kerja'
import { describe, expect, it } from 'vitest'
// @ts-expect-error the scripts are plain JavaScript, run by plain node
import { runReadmeExample, writeReadmeExample } from '../scripts/lib/readme-example.mjs'
import { TRANSITIONS } from '../src/core/state.js'

const root = resolve(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const PAGES: readonly string[] = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]

/** Rows of the first table under `heading` (or of the page's first), without the heading row. */
function tableRows(page: string, heading?: string): string[][] {
  const text = heading === undefined ? page : (page.split(`\n${heading}\n`)[1] ?? '')
  const [, table = ''] = /((?:^\|.*\|\n?)+)/m.exec(text) ?? []
  const rows = table.trim().split('\n').slice(2)
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  )
}

describe('errors.md', () => {
  it('lists every code with its meaning, in the order of the code, and a remedy', () => {
    const rows = tableRows(read('docs/errors.md'))
    expect(rows.map(([code, meaning]) => [code, meaning])).toEqual(
      Object.entries(ERROR_CODES).map(([code, meaning]) => [`<a id="${code.toLowerCase()}"></a>\`${code}\``, meaning]),
    )
    expect(rows.filter(([, , remedy]) => (remedy ?? '').length < 10)).toEqual([])
  })
})

describe('options.md', () => {
  it('is what the script writes', () => {
    execFileSync(process.execPath, [join(root, 'scripts/write-options-doc.mjs'), '--check'], { stdio: 'pipe' })
  })
})

describe('job-lifecycle.md', () => {
  it('draws the moves of the code and no others', () => {
    const [, diagram = ''] = /```mermaid\nstateDiagram-v2\n([\s\S]*?)```/.exec(read('docs/job-lifecycle.md')) ?? []
    const drawn = [...diagram.matchAll(/^ *(\w+) --> (\w+): \S/gm)].map(([, from, to]) => `${from} → ${to}`)
    const legal = Object.entries(TRANSITIONS).flatMap(([from, tos]) => tos.map((to) => `${from} → ${to}`))
    expect(drawn.sort()).toEqual(legal.sort())
  })
})

describe('glossary.md', () => {
  it('has no more than 30 words', () => {
    const words = tableRows(read('docs/glossary.md')).map(([word]) => word)
    expect(words.length).toBeLessThanOrEqual(30)
    expect(new Set(words).size).toBe(words.length)
  })
})

describe('architecture.md', () => {
  const page = read('docs/architecture.md')

  /** Paths of the tree, from the root; folders end in a slash. */
  const tree = (): string[] => {
    const [, block = ''] = /## The tree\n\n```\n([\s\S]*?)```/.exec(page) ?? []
    const open: string[] = []
    return block
      .trimEnd()
      .split('\n')
      .flatMap((line) => {
        const [, indent = '', names = ''] = /^( *)(\S+(?:, \S+)*)(?: {2,}\S|$)/.exec(line) ?? []
        const depth = indent.length / 2
        const here = open.slice(0, depth).join('')
        open.length = depth
        if (names.endsWith('/')) open.push(names)
        return names.split(', ').map((name) => here + name)
      })
  }

  it('names every folder under src, and nothing that is not there', () => {
    const named = tree()
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([])
    const folders = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${relative(root, join(entry.parentPath, entry.name))}/`)
    expect(folders.filter((folder) => !named.includes(folder))).toEqual([])
  })

  it('names only files that exist in its story', () => {
    const paths = [...page.matchAll(/`([\w-]+(?:\/[\w.-]+)+\.(?:ts|mjs))`/g)].map(([, path]) => path as string)
    expect(paths.length).toBeGreaterThan(10)
    expect(paths.filter((path) => !existsSync(join(root, path)) && !existsSync(join(root, 'src', path)))).toEqual([])
  })

  it('has the import table of the architecture test', () => {
    const [, source = ''] = /const MAY_IMPORT[^{]*\{\n([\s\S]*?)\n\}/.exec(read('test/architecture.test.ts')) ?? []
    const checked = [...source.matchAll(/^ {2}'?([\w./-]+)'?: \[([^\]]*)\]/gm)].map(([, unit, list = '']) => [
      unit,
      // Long lists are broken into lines.
      [...list.matchAll(/'([^']+)'/g)].map(([, name]) => name).join(', '),
    ])
    const written = tableRows(page, '## Who imports whom').map(([unit = '', list = '']) => [
      unit.replaceAll('`', ''),
      list === 'nothing' ? '' : list.replaceAll('`', ''),
    ])
    expect(written).toEqual(checked)
  })

  it('and README stay short', () => {
    for (const short of ['README.md', 'docs/architecture.md']) expect(read(short).split('\n').length, short).toBeLessThanOrEqual(151)
  })
})

describe('links', () => {
  const withoutCode = (text: string): string => text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '')
  const slugOf = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
  const anchorsOf = (text: string): Set<string> =>
    new Set([
      ...[...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => slugOf(heading as string)),
      ...[...text.matchAll(/<a id="([^"]+)"/g)].map(([, id]) => id as string),
    ])

  it.each(PAGES)('of %s resolve', (page) => {
    const links = [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string)
    const broken = links
      .filter((target) => !/^https?:/.test(target))
      .filter((target) => {
        const [file = '', anchor] = target.split('#')
        const path = file === '' ? page : join(dirname(page), file)
        if (!existsSync(join(root, path))) return true
        return anchor !== undefined && !anchorsOf(read(path)).has(anchor)
      })
    expect(broken).toEqual([])
  })
})

interface Snippet {
  /** Named by its first line, `// jobs.ts`; else null. */
  readonly name: string | null
  readonly text: string
}

function snippetsOf(page: string, language: string): Snippet[] {
  return [...read(page).matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, text = '']) => ({
    name: /^\/\/ ([\w.-]+\.\w+)\n/.exec(text)?.[1] ?? null,
    text,
  }))
}

/** What snippets import without defining it themselves. */
const CONTEXT: Readonly<Record<string, string>> = {
  'jobs.ts': `import { defineJob, type } from 'kerja/define'
export const welcome = defineJob({ kind: 'mail.welcome', payload: type<{ to: string }>() })
export const transcode = defineJob({
  kind: 'video.transcode', queue: 'media', payload: type<{ videoId: string; height: number }>(), result: type<{ url: string }>(),
})
export const report = defineJob({ kind: 'report.nightly', payload: type<{ month: string }>() })
`,
  'kerja.ts': `import { Kerja } from 'kerja'
export const kerja = new Kerja()
`,
  'db.ts': `interface Database {
  exec(sql: string): unknown
  prepare(sql: string): { run(...values: unknown[]): unknown; all(...values: unknown[]): unknown[] }
  transaction<R>(run: () => R): () => R
  close(): void
}
export declare const db: Database
export declare function openDatabase(): Database
`,
}

describe('snippets', () => {
  // Those of the contract's specification use the reader's own functions; benchmarks.md shows commands.
  const pages = PAGES.filter((page) => !['docs/backend-contract.md', 'docs/benchmarks.md'].includes(page))
  const folder = join(root, 'build/docs-snippets')

  it('compile', () => {
    rmSync(folder, { recursive: true, force: true })
    let count = 0
    for (const page of pages) {
      const snippets = [...snippetsOf(page, 'ts'), ...snippetsOf(page, 'js').filter(({ name }) => name !== null)]
      if (snippets.length === 0) continue
      const here = join(folder, page.replaceAll('/', '-').replace(/\.md$/, ''))
      mkdirSync(here, { recursive: true })
      for (const [name, text] of Object.entries(CONTEXT)) writeFileSync(join(here, name), text)
      for (const { name, text } of snippets) {
        count += 1
        // The README shows JavaScript, and says what to write instead of `type()` to have the same code typed.
        const typed = name?.endsWith('.mjs') ? text.replace('type()', 'type<{ to: string }>()') : text
        writeFileSync(join(here, (name ?? `snippet-${count}.ts`).replace(/\.mjs$/, '.mts')), typed)
      }
    }
    expect(count).toBeGreaterThan(20)
    const compilerOptions = { noEmit: true, noUnusedLocals: false, noImplicitReturns: false, rootDir: '.', declaration: false }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.base.json', compilerOptions, include: ['.'] }))
    expect(tsc(join(folder, 'tsconfig.json'))).toBe('')
  })
})

/** What the compiler complains about. */
function tsc(project: string): string {
  try {
    return execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project], { cwd: root, encoding: 'utf8' })
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout)
  }
}

describe('the first example of the README', () => {
  it('answers 202, runs the job, and stops when asked', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kerja-readme-'))
    try {
      mkdirSync(join(folder, 'node_modules'))
      symlinkSync(root, join(folder, 'node_modules/kerja'))
      writeFileSync(join(folder, 'package.json'), '{}')
      writeReadmeExample(folder)
      await runReadmeExample(process.execPath, folder)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
