// Random histories on every backend.
import { describeHistories } from './histories.js'
import { MODEL_TARGETS } from './targets.js'

for (const target of MODEL_TARGETS) describeHistories(target)
