/** Imports a file of the user's project, TypeScript or JavaScript, on every Node line Kerja supports. */
import { existsSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { projectRoot } from '../open-backend.js'

export async function importFile(file: string): Promise<unknown> {
  // CommonJS needs nobody's help, and what it requires must be what everybody else imports, not a transpiled copy.
  if (extname(file) === '.cjs') return import(pathToFileURL(file).href)
  const modules = join(projectRoot(dirname(file)), 'node_modules')
  // Transpiled code is kept in the project or not at all: jiti's other place is a folder in the shared temporary directory,
  // where another user of the machine could leave code for us to run.
  const fsCache = existsSync(modules) ? join(modules, '.cache', 'jiti') : false
  // Loaded here: most commands import no file of the project, and start sooner without it.
  const { createJiti } = await import('jiti')
  const jiti = createJiti(file, { fsCache, interopDefault: false, sourceMaps: true, tsconfigPaths: true, jsx: { runtime: 'automatic' } })
  return jiti.import(file)
}
