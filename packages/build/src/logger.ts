/** Where warnings and notes of a conversion go. */
export interface Logger {
  info(message: string): void
  warn(message: string): void
}

/** One step of a conversion that has begun; of use for a progress line. */
export interface ProgressEvent {
  /** The model's file name, as it was asked for. */
  readonly model: string
  readonly stage:
    | 'hash'
    | 'inspect'
    | 'fetch'
    | 'run source'
    | 'convert'
    | 'verify'
    | 'search'
    | 'time'
    | 'evaluate'
    | 'shard'
    | 'describe'
    | 'compress'
    | 'wait'
    | 'done'
  /** The recipe at work, where there is one. */
  readonly recipe?: string
  /** Names of the targets that the model is converted for. */
  readonly targets?: readonly string[]
  /** How far the stage has come. */
  readonly step?: { readonly done: number; readonly total: number }
  /** The same as a short text: `float16 of det.onnx: verifying 3/8`. */
  readonly text: string
}

const verbs: Readonly<Record<ProgressEvent['stage'], string>> = {
  hash: 'hashing',
  inspect: 'reading',
  fetch: 'asking the remote cache for it',
  'run source': 'running the source',
  convert: 'converting',
  verify: 'verifying',
  search: 'finding out which weights need more bits',
  time: 'timing',
  evaluate: 'scoring',
  shard: 'cutting into shards',
  describe: 'writing the report',
  compress: 'compressing',
  wait: 'waiting for another process',
  done: 'done',
}

/** Tells that a stage of a conversion has begun, or has come further. */
export type Report = (stage: ProgressEvent['stage'], recipe?: string, step?: ProgressEvent['step']) => void

/** A progress event with its text. */
export function progress(
  model: string,
  stage: ProgressEvent['stage'],
  recipe: string | undefined,
  step: ProgressEvent['step'],
  targets?: readonly string[],
): ProgressEvent {
  const subject = recipe === undefined ? model : `${recipe} of ${model}`
  const count = step === undefined ? '' : ` ${step.done}/${step.total}`
  const text = `${subject}: ${verbs[stage]}${count}`
  return {
    model,
    stage,
    text,
    ...(recipe !== undefined && { recipe }),
    ...(step !== undefined && { step }),
    ...(targets && { targets }),
  }
}

/** A logger that says nothing. */
export const silentLogger: Logger = { info() {}, warn() {} }
