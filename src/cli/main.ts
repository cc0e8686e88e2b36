#!/usr/bin/env node
/** Entry of the `kerja` command: runs it, prints what went wrong once, sets the exit code. */
import { VERSION } from '../version.js'
import { type ErrorReport, judge } from './exit.js'
import { createProgram } from './program.js'
import { safeLines, toJson } from './text.js'

// `kerja jobs list | head` closes our stdout early: that is the reader's good right, not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

function printError({ code, message, docs }: ErrorReport, json: boolean): void {
  if (json) {
    process.stderr.write(`${toJson({ error: { code, message } })}\n`)
    return
  }
  const lines = safeLines(`error ${code}: ${message}`)
  if (docs !== null) lines.push(`  see ${docs}`)
  process.stderr.write(`${lines.join('\n')}\n`)
}

try {
  await createProgram(VERSION).parseAsync(process.argv)
} catch (error) {
  const { exitCode, report } = judge(error)
  process.exitCode = exitCode
  if (report !== null) printError(report, process.argv.includes('--json'))
}
