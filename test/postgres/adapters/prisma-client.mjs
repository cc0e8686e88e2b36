/**
 * A Prisma client of the real library, with what `prisma generate` would have written: that command downloads an engine, which a test must not
 * need. No models: Kerja needs raw SQL only.
 */
import { PrismaPg } from '@prisma/adapter-pg'
import { getPrismaClient } from '@prisma/client/runtime/client'
import * as compiler from '@prisma/client/runtime/query_compiler_fast_bg.postgresql.mjs'
import { wasm } from '@prisma/client/runtime/query_compiler_fast_bg.postgresql.wasm-base64.mjs'

const schema = `generator client {
  provider = "prisma-client"
}

datasource db {
  provider = "postgresql"
}
`

const PrismaClient = getPrismaClient({
  previewFeatures: [],
  clientVersion: '7.10.0',
  engineVersion: '0',
  activeProvider: 'postgresql',
  inlineSchema: schema,
  runtimeDataModel: { models: {}, enums: {}, types: {} },
  // No model can be asked for, only SQL.
  parameterizationSchema: { strings: [], graph: 'AAAA' },
  compilerWasm: {
    getRuntime: async () => compiler,
    getQueryCompilerWasmModule: async () => new WebAssembly.Module(Buffer.from(wasm, 'base64')),
    importName: './query_compiler_fast_bg.js',
  },
})

export const createPrisma = (url) => new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
