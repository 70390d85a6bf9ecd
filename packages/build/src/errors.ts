import { nearest, OnnxError, type OnnxErrorCode } from '@unplugin-onnx/core/catalog'
import { printable } from './printable'
import type { End } from './worker-died'

const error = (
  code: OnnxErrorCode,
  model: string,
  message: string,
  cure: string,
  cause?: unknown,
): OnnxError =>
  new OnnxError({ code, message, cure, model: printable(model), ...(cause === undefined ? {} : { cause }) })

/** What to do about a process that ended. */
const cures: Readonly<Record<End, string>> = {
  'gave up': 'If the model is right, please report this with the model.',
  crashed: 'If it does so again, please report this with the model.',
  killed: 'The machine may be out of memory: lower limits.workerMemory, or give it more.',
  time: 'Raise limits.conversionSeconds, if the model takes that long.',
  memory: 'Raise limits.workerMemory, if the machine has more.',
}

/** What systems mean by their codes. */
const reasonsOfSystem: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EFBIG: 'the file is larger than it may be',
  EROFS: 'the disk is read-only',
  EACCES: 'the folder may not be written to',
  EPERM: 'the folder may not be written to',
  EIO: 'the disk fails',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENOENT: 'it was removed meanwhile',
}

const suggestion = (name: string, known: readonly string[]): string => {
  const near = nearest(name, known)
  return near === undefined
    ? `Known: ${known.map(printable).join(', ')}.`
    : `Did you mean '${printable(near)}'?`
}

/** Everything that can go wrong around a model; what is wrong inside of its file, core says. */
export const errors = {
  modelNotFound: (model: string) =>
    error('ONNX_MODEL_NOT_FOUND', model, 'There is no such file', 'Check the path of the import.'),

  modelUnreadable: (model: string, cause: unknown) =>
    error(
      'ONNX_MODEL_UNREADABLE',
      model,
      `The file can't be read (${reasonOf(cause)})`,
      'Check its permissions.',
      cause,
    ),

  modelNotAFile: (model: string) =>
    error('ONNX_MODEL_NOT_A_FILE', model, 'This is no file', 'Name the .onnx file itself.'),

  modelChanging: (model: string) =>
    error(
      'ONNX_MODEL_CHANGING',
      model,
      'The file keeps changing while it is converted',
      'Build again when it is complete.',
    ),

  externalMissing: (model: string, location: string) =>
    error(
      'ONNX_EXTERNAL_DATA_MISSING',
      model,
      `Its weights lie in '${printable(location)}', which is not beside it`,
      'Put that file next to the model, under the name it was exported with.',
    ),

  externalNotAFile: (model: string, location: string) =>
    error(
      'ONNX_EXTERNAL_DATA_NOT_A_FILE',
      model,
      `Its external data '${printable(location)}' is no regular file`,
      'Put the data file itself next to the model.',
    ),

  externalLinked: (model: string, location: string) =>
    error(
      'ONNX_EXTERNAL_DATA_LINKED',
      model,
      `Its external data '${printable(location)}' is a hard link: the same file has another name, which may lie anywhere`,
      'If you trust the model, put a copy of the file in its place.',
    ),

  externalEscapes: (model: string, location: string) =>
    error(
      'ONNX_EXTERNAL_DATA_ESCAPES',
      model,
      `It names external data outside of its own folder: '${printable(location)}'`,
      'Do not use a model that you do not trust. If it is your own, export it again with its data beside it.',
    ),

  calibrationNotFound: (model: string, calibration: string) =>
    error(
      'ONNX_CALIBRATION_NOT_FOUND',
      model,
      `There is no calibration file '${printable(calibration)}'`,
      'Give a path that is absolute or relative to the root.',
    ),

  calibrationInvalid: (model: string, calibration: string, message: string, cure: string, cause?: unknown) =>
    error(
      'ONNX_CALIBRATION_INVALID',
      model,
      `Calibration '${printable(calibration)}' ${message}`,
      cure,
      cause,
    ),

  calibrationSampleInvalid: (
    model: string,
    calibration: string,
    sample: string,
    message: string,
    cause?: unknown,
    cure = 'Mend that sample, or leave it out.',
  ) =>
    error(
      'ONNX_CALIBRATION_SAMPLE_INVALID',
      model,
      `Calibration '${printable(calibration)}', ${printable(sample)}: ${message}`,
      cure,
      cause,
    ),

  sharpMissing: (model: string, calibration: string, cause?: unknown) =>
    error(
      'ONNX_SHARP_MISSING',
      model,
      `sharp is not installed, and it reads the pictures in '${printable(calibration)}'`,
      'Run: npm install --save-dev sharp (pnpm add, yarn add and bun add do as well).',
      cause,
    ),

  calibrationUnknownInput: (model: string, calibration: string, name: string, inputs: readonly string[]) =>
    error(
      'ONNX_CALIBRATION_UNKNOWN_INPUT',
      model,
      `Calibration '${printable(calibration)}' names '${printable(name)}', which is no input of the model`,
      suggestion(name, inputs),
    ),

  engineMissing: (model: string, name: string, cause?: unknown) =>
    error(
      'ONNX_ENGINE_MISSING',
      model,
      `${name} is not installed, and a target of this model is verified in it`,
      `Run: npm install ${name} (pnpm add, yarn add and bun add do as well), or leave the target out.`,
      cause,
    ),

  engineFailed: (model: string, engine: string, cause: unknown) =>
    error(
      'ONNX_ENGINE_FAILED',
      model,
      `${engine} does not run it: ${engineMessage(cause)}`,
      'Try the other engine, wasm or node. If neither runs it, the model is at fault, or its inputs.',
      cause,
    ),

  /** @param difference the first; `both` says what each of them takes and gives */
  signaturesDiffer: (model: string, source: string, difference: string, both: string) =>
    error(
      'ONNX_SIGNATURES_DIFFER',
      model,
      `${printable(model)} is no variant of ${printable(source)}: ${difference}. ${both}`,
      'Compare a model with what was made of it, the source first.',
    ),

  outputsDiffer: (model: string, problem: string) =>
    error(
      'ONNX_OUTPUTS_DIFFER',
      model,
      `It gives other outputs than the source: ${problem}`,
      'Compare a model with what was made of it.',
    ),

  evaluationNotFound: (model: string, module: string) =>
    error(
      'ONNX_EVALUATION_NOT_FOUND',
      model,
      `There is no module '${printable(module)}' to evaluate it`,
      'Give accuracy.evaluate a path that is absolute or relative to the root.',
    ),

  evaluationFailed: (model: string, module: string, message: string, cause?: unknown) =>
    error(
      'ONNX_EVALUATION_FAILED',
      model,
      `The evaluation '${printable(module)}' ${message}`,
      'Export as default a function (model) => score that runs the model as it is given: await model.run(feeds).',
      cause,
    ),

  budgetMissed: (model: string, target: string, tried: string) =>
    error(
      'ONNX_BUDGET_MISSED',
      model,
      `For the target ${printable(target)} nothing smaller than the source is within the accuracy budget. ${tried}`,
      'Allow more with accuracy, give calibration data, or drop strict to pass the source on.',
    ),

  unknownOption: (model: string, kind: string, name: string, known: readonly string[]) =>
    error('ONNX_OPTION_UNKNOWN', model, `There is no ${kind} '${printable(name)}'`, suggestion(name, known)),

  invalidOption: (model: string, option: string, message: string, cure: string) =>
    error('ONNX_OPTION_INVALID', model, `${printable(option)} ${message}`, cure),

  /** Shows no value: most of these are secrets, or hold one. */
  remoteInvalid: (option: string, message: string, cure: string) =>
    new OnnxError({ code: 'ONNX_OPTION_INVALID', message: `cache.remote.${option} ${message}`, cure }),

  limitInvalid: (name: string) =>
    new OnnxError({
      code: 'ONNX_OPTION_INVALID',
      message: `limits.${name} is no whole number from 1 up`,
      cure: 'Correct it, or leave it out for the default.',
    }),

  unzipsTooFar: (ratio: number, max: number) =>
    new OnnxError({
      code: 'ONNX_LIMIT_EXCEEDED',
      message: `Arrays unpack to ${ratio} times the size of their archive, and the limit is ${max}`,
      cure: 'If that is meant, raise limits.unzipRatio.',
    }),

  workerFailed: (model: string, reason: string, end: End) =>
    error(
      'ONNX_WORKER_FAILED',
      model,
      `The process that converts it ended: ${printable(reason)}`,
      cures[end],
    ),

  /** @param cause of the system, with its code */
  notWritten: (model: string | undefined, cause: NodeJS.ErrnoException) =>
    new OnnxError({
      code: 'ONNX_NOT_WRITTEN',
      message: `What is made of it can't be kept: ${reasonsOfSystem[cause.code ?? ''] ?? 'the system refuses'} (${reasonOf(cause)}${cause.syscall === undefined ? '' : `, ${cause.syscall}`})`,
      cure: 'Make room where the cache lies, or set cache.dir to a folder that has some. Nothing half-made is left there.',
      ...(model !== undefined && { model: printable(model) }),
      cause,
    }),

  closed: (model: string) =>
    error(
      'ONNX_CONVERTER_CLOSED',
      model,
      'The converter is closed',
      'Close it when all conversions are done.',
    ),
} as const

/** What went wrong, in a few words and without the paths that Node puts into its messages. */
export function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
}

/** Whether a file could not be kept or read again, whatever it was wanted for. */
export const isOfDisk = (cause: unknown): boolean =>
  cause instanceof OnnxError && cause.code === 'ONNX_NOT_WRITTEN'

/** Whether a WebAssembly instance ended: it is of no more use to anyone. */
export const hasAborted = (cause: unknown): boolean =>
  (cause instanceof Error && cause.name === 'RuntimeError') ||
  /^Aborted\(/.test(cause instanceof Error ? cause.message : String(cause))

/** What onnxruntime says, short enough for a sentence. */
export function engineMessage(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  return printable(text.replace(/\s+/g, ' ').replace(/^Can't create a session\. /, '')).slice(0, 240)
}

/** Whether the system refused something, and not the model or its options. */
export const isOfSystem = (cause: unknown): cause is NodeJS.ErrnoException =>
  cause instanceof Error && 'errno' in cause && 'syscall' in cause
