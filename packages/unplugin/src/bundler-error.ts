import { relative } from 'node:path'
import { OnnxError } from '@unplugin-onnx/core'

/** An error as bundlers show it: they print message and stack in the terminal, and the message in an overlay. */
export interface BundlerError extends Error {
  /** The model that it is about. */
  readonly id: string
  readonly code?: string
}

/** Gives an error of a model the form that bundlers show: what is wrong, what to do, the code; no stack of ours. */
export function bundlerError(error: unknown, file: string, root: string): BundlerError {
  const shown = relative(root, file).replaceAll('\\', '/')
  const known = error instanceof OnnxError
  const text = error instanceof Error ? error.message : String(error)
  const lines = known ? [`${shown}: ${text}`, error.cure, `(${error.code})`] : [`${shown}: ${text}`]
  const result = new Error(lines.filter((line) => line !== '').join('\n'), { cause: error })
  result.name = 'OnnxError'
  // An error of the model is no error of the plugin: its stack would only hide the text.
  if (known) result.stack = `${result.name}: ${result.message}`
  return Object.assign(result, { id: file, ...(known && { code: error.code }) })
}
