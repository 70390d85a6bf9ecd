/** Why a process came to its end. */
export type End =
  /** The engine said that it can't go on. */
  | 'gave up'
  /** The engine, or what else runs there, crashed without a word. */
  | 'crashed'
  /** Somebody else did, as systems do that run out of memory. */
  | 'killed'
  /** A limit. */
  | 'time'
  | 'memory'

/** A worker process ended before its task did. */
export class WorkerDied extends Error {
  override readonly name = 'WorkerDied'
  readonly end: End

  constructor(message: string, end: End) {
    super(message)
    this.end = end
  }
}
