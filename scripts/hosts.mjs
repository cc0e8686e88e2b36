// npm run test:hosts: two workers on two hosts (network namespaces; Linux, root), one of which is cut off while it works.
import { join } from 'node:path'
import { build, ensureDependencies, root, run } from './lib/setup.mjs'

ensureDependencies()
build()
run(process.execPath, [join(root, 'test/hosts/run.mjs'), ...process.argv.slice(2)])
