export type OnnxErrorCode =
  | 'ONNX_FETCH_FAILED'
  | 'ONNX_HASH_MISMATCH'
  | 'ONNX_NO_VARIANT'
  | 'ONNX_SESSION_FAILED'
  | 'ONNX_FEED_INVALID'
  | 'ONNX_DISPOSED'

/** What went wrong with which model, and what to do about it. `code` is stable. */
export class OnnxError extends Error {
  override readonly name = 'OnnxError'
  readonly code: OnnxErrorCode
  /** The model's file name. */
  readonly model: string
  readonly cure: string

  constructor(code: OnnxErrorCode, model: string, problem: string, cure: string, cause?: unknown) {
    super(`${model}: ${problem} ${cure}`, { cause })
    this.code = code
    this.model = model
    this.cure = cure
  }
}

/** The text of whatever was thrown. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown)

export const fetchFailed = (model: string, url: string, why: string, cause?: unknown) =>
  new OnnxError(
    'ONNX_FETCH_FAILED',
    model,
    `${url} could not be loaded: ${why}.`,
    'Serve the whole build, under its base.',
    cause,
  )

export const hashMismatch = (model: string, url: string) =>
  new OnnxError(
    'ONNX_HASH_MISMATCH',
    model,
    `${url} is not the file that was built (its sha256 differs).`,
    'Deploy the whole build again, and clear caches on the way.',
  )

export const noVariant = (model: string, reasons: string) =>
  new OnnxError(
    'ONNX_NO_VARIANT',
    model,
    `no variant runs here. ${reasons}`,
    "Add a target to the plugin's options.",
  )

export const sessionFailed = (model: string, provider: string, wasm: string | undefined, cause: unknown) => {
  const why = messageOf(cause).replace(/[.\s]+$/, '')
  // Of the import of its script, or of onnxruntime about its WebAssembly. A server that sends a page instead is the rule.
  const missing = wasm !== undefined && /module|no available backend/.test(why)
  return new OnnxError(
    'ONNX_SESSION_FAILED',
    model,
    `onnxruntime created no session on ${provider}: ${why}.`,
    missing
      ? `Check that ${wasm}, and the .mjs files beside it, are served with the build.`
      : 'Try another provider.',
    cause,
  )
}

export const feedInvalid = (model: string, problem: string, cure: string) =>
  new OnnxError('ONNX_FEED_INVALID', model, problem, cure)

export const disposed = (model: string) =>
  new OnnxError('ONNX_DISPOSED', model, 'the session was disposed of.', 'Open another one.')
