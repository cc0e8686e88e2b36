// npm run build: src/ → dist/, from nothing, so that no file of an older tree is shipped.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { build, ensureDependencies, root } from './lib/setup.mjs'

ensureDependencies()
rmSync(join(root, 'dist'), { recursive: true, force: true })
build()
