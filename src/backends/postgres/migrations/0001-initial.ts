/** The first schema. `schema` is quoted. */
import type { MigrationStep } from '../../../contract/backend.js'
import { changeStatements } from './changes.js'
import { claimStatements } from './claim.js'
import { coordinationFunctions, coordinationStatements } from './coordination.js'
import { enqueueStatements } from './enqueue.js'
import { clockStatements } from './functions.js'
import { pruneStatements } from './prune.js'
import { pushStatements } from './push.js'
import { settleStatements } from './settle.js'
import { tableStatements } from './tables.js'
import { transferStatements } from './transfer.js'

export const initial = (schema: string): MigrationStep => ({
  version: 1,
  name: 'initial',
  statements: [
    ...tableStatements(schema),
    ...coordinationStatements(schema),
    ...clockStatements(schema),
    ...pushStatements(schema),
    ...claimStatements(schema),
    ...settleStatements(schema),
    ...changeStatements(schema),
    ...pruneStatements(schema),
    ...coordinationFunctions(schema),
    ...transferStatements(schema),
    ...enqueueStatements(schema, schema.slice(1, -1).replaceAll('""', '"')),
  ],
})
