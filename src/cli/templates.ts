/** The files of a new project. One text for both languages: they differ in the payload's type and in file names. */

export type Language = 'typescript' | 'javascript'

export interface TemplateFile {
  readonly name: string
  readonly text: string
}

/** Imports end in .js in both: what runs TypeScript here finds the .ts beside it. */
export function projectFiles(language: Language): readonly TemplateFile[] {
  const extension = language === 'typescript' ? 'ts' : 'js'
  return [
    { name: `kerja.config.${extension}`, text: configFile(extension) },
    { name: `jobs.${extension}`, text: jobsFile(language) },
    { name: `worker.${extension}`, text: WORKER_FILE },
    { name: `web.${extension}`, text: WEB_FILE },
  ]
}

/** The job of the template, for the commands that `kerja init` prints. */
export const TEMPLATE_JOB = Object.freeze({ kind: 'mail.welcome', payload: '{"to":"ana@example.com"}' })

/** The texts stand indented below, so that nothing takes them for code of this file. */
const unindent = (text: string): string => text.slice(1).replaceAll(/^ {2}/gm, '')

const configFile = (extension: string): string =>
  unindent(`
  import { defineConfig } from 'kerja'

  export default defineConfig({
    // Jobs are kept in kerja.db beside package.json. Elsewhere: backend: 'sqlite:/var/lib/app/jobs.db', or the variable KERJA_URL.
    worker: './worker.${extension}',
  })
`)

const jobsFile = (language: Language): string =>
  unindent(`
  // Shared by whoever enqueues and whoever runs: the name and the shape of each job.
  import { defineJob, type } from 'kerja/define'

  export const welcome = defineJob({
    kind: '${TEMPLATE_JOB.kind}',
    // Any Standard Schema (zod, valibot, arktype, …) checks payloads at run time; type() checks nothing.
    payload: ${language === 'typescript' ? 'type<{ to: string }>()' : 'type()'},
    maxAttempts: 5,
  })
`)

const WORKER_FILE = unindent(`
  // Runs the jobs: \`kerja worker\`, or \`kerja dev\` while you write.
  import { Kerja } from 'kerja'
  import { welcome } from './jobs.js'
  import config from './kerja.config.js'

  const kerja = new Kerja(config)

  const sendWelcome = welcome.handle(async ({ to }, ctx) => {
    // Send the mail here. What throws is retried; ctx.signal aborts on timeout and cancellation.
    ctx.log.info(\`welcome, \${to}\`)
  })

  await kerja.worker({ handlers: [sendWelcome] }).run()
`)

const WEB_FILE = unindent(`
  // Answers at once and leaves the work to the worker: curl -X POST 'http://localhost:3000/signup?to=ana@example.com'
  import { createServer } from 'node:http'
  import { Kerja } from 'kerja'
  import { welcome } from './jobs.js'
  import config from './kerja.config.js'

  const kerja = new Kerja(config)

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const to = url.searchParams.get('to')
    if (request.method !== 'POST' || url.pathname !== '/signup' || to === null) {
      response.writeHead(404).end()
      return
    }
    try {
      const { id } = await kerja.enqueue(welcome, { to })
      response.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify({ id }))
    } catch (error) {
      console.error(error)
      response.writeHead(503).end()
    }
  })

  const port = Number(process.env.PORT ?? 3000)
  server.listen(port, () => console.log(\`listening on http://localhost:\${port}\`))

  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => server.close(() => kerja.close()))
`)

export const TSCONFIG_TEXT = `{
  "compilerOptions": {
    "target": "es2023",
    "module": "nodenext",
    "types": ["node"],
    "strict": true,
    "skipLibCheck": true,
    "noEmit": true
  }
}
`

export const GITIGNORE_LINES: readonly string[] = Object.freeze(['node_modules', 'kerja.db*'])
