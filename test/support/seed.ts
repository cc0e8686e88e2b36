/** The same random cases in every run. KERJA_TEST_SEED=N tries others; a failure prints its seed and path either way. */
import fc from 'fast-check'

fc.configureGlobal({ seed: Number.parseInt(process.env.KERJA_TEST_SEED ?? '20261124', 10) })
