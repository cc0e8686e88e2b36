/** Imports Kerja by its public names. `bench/` is a package of its own, so the names are resolved from the root, through the same `exports` that users get. */
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const root = createRequire(new URL('../../package.json', import.meta.url))

export const importKerja = (name) => import(pathToFileURL(root.resolve(name)).href)
