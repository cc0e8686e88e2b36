// npm run demo [-- --keep]: builds the library and the photo-sharing example, and runs it.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { build, ensureDependencies, root, tool } from './lib/setup.mjs'

ensureDependencies()
build()
tool('typescript/bin/tsc', ['-p', 'examples/photo-share/tsconfig.json'])

const demo = spawn(process.execPath, [join(root, 'build/photo-share/demo.js'), ...process.argv.slice(2)], { stdio: 'inherit' })
// Ctrl-C reaches the demo by the terminal; a signal to this process alone is passed on, so that the demo puts everything away.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => demo.kill('SIGTERM'))
demo.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
})
