// npm run test:chaos -- --backend sqlite: kills workers and producers while jobs flow, then checks every promise.
import { join } from 'node:path'
import { build, ensureDependencies, root, run } from './lib/setup.mjs'

ensureDependencies()
build()
run(process.execPath, [join(root, 'test/chaos/run.mjs'), ...process.argv.slice(2)])
