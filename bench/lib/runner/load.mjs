/** Whether somebody else was using the machine when the run began. */
import { cpus, loadavg } from 'node:os'

// The run has not started anything yet, so any more than this is not its own.
const LOAD_PER_CORE_MAX = 0.5

export const readLoad = () => Number(loadavg()[0].toFixed(2))

export const isDisturbed = ({ load }) => load > LOAD_PER_CORE_MAX * cpus().length
