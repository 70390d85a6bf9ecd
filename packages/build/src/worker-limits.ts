import { totalmem } from 'node:os'

/** What one step of a conversion may take of the machine. Each step runs in a worker process, which is ended when it takes more. */
export interface WorkerLimits {
  /** Seconds that one step may take: writing, running, verifying or timing a candidate. Default: 300. */
  readonly conversionSeconds?: number
  /** Bytes that a worker process may have in memory. Default: four fifths of what the machine, or its container, has. */
  readonly workerMemory?: number
}

/** Of the machine's memory, so that a worker ends before the system ends whatever it likes. */
const memoryShare = 0.8

/** @returns limits that are all there; Infinity where there is none */
export function workerLimits({
  conversionSeconds = 300,
  workerMemory = memoryShare * memoryOfMachine(),
}: WorkerLimits = {}): Required<WorkerLimits> {
  return { conversionSeconds, workerMemory: Math.round(workerMemory) }
}

function memoryOfMachine(): number {
  // Nothing, 0, or more than there is, where nothing constrains it.
  const constrained = process.constrainedMemory() ?? 0
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}
