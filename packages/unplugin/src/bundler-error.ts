import { OnnxError } from '@unplugin-onnx/core/catalog'

/** An error as bundlers show it: they print message and stack in the terminal, and the message in an overlay. */
export interface BundlerError extends Error {
  /** The module that it is about, if it is about one; bundlers print it themselves. */
  readonly id?: string
  readonly code?: string
}

/** Gives an error the form that bundlers show: what is wrong, what to do, the code; of known errors no stack of ours. */
export function bundlerError(error: unknown, id?: string): BundlerError {
  const about = id === undefined ? {} : { id }
  if (!(error instanceof OnnxError)) {
    const unknown = error instanceof Error ? error : new Error(String(error))
    return Object.assign(unknown, about)
  }
  const { code, cure, model, problem } = error
  const subject = model === undefined || problem.includes(model) ? problem : `${model}: ${problem}`
  // No cause: Rolldown prints it, stack and all, and it says nothing more.
  const result = new Error(`${subject}\n${cure}\n(${code})`)
  result.name = 'OnnxError'
  result.stack = `${result.name}: ${result.message}`
  return Object.assign(result, { ...about, code })
}
