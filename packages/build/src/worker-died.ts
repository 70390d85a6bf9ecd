/** A worker process ended before its task did. */
export class WorkerDied extends Error {
  override readonly name = 'WorkerDied'
}
