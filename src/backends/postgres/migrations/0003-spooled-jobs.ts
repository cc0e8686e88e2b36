/** Jobs of a spool are accepted with what their enqueue asked of a holder of their unique key. `schema` is quoted. */
import type { MigrationStep } from '../../../contract/backend.js'
import { acceptSpooled } from './transfer.js'

export const spooledJobs = (schema: string): MigrationStep => ({ version: 3, name: 'spooled jobs', statements: [acceptSpooled(schema)] })
