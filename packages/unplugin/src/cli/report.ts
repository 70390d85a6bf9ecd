import { OnnxError } from '@unplugin-onnx/core'
import pc from 'picocolors'
import { type ExitCode, exitCodes } from './exit'

/** Errors that say that the command was wrong, and not the model. */
const usageCodes: ReadonlySet<string> = new Set([
  'ONNX_OPTION_UNKNOWN',
  'ONNX_OPTION_INVALID',
  'ONNX_UNKNOWN_PASS',
  'ONNX_UNKNOWN_OPTION',
  'ONNX_INVALID_OPTION',
])

/**
 * Prints an error, as one JSON object on stdout if wanted, else as text on stderr.
 * @returns the exit code that it deserves
 */
export function report(error: unknown, json: boolean): ExitCode {
  const message = error instanceof Error ? error.message : String(error)
  if (!(error instanceof OnnxError)) {
    if (json) print({ error: { message } })
    else
      process.stderr.write(
        `${pc.red('error')} ${error instanceof Error ? (error.stack ?? message) : message}\n`,
      )
    return exitCodes.failed
  }
  const { code, problem, cure, model, node, tensor } = error
  if (json) print({ error: { code, message: problem, cure, model, node, tensor } })
  else {
    const subject = model === undefined || problem.includes(model) ? problem : `${model}: ${problem}`
    process.stderr.write(`${pc.red('error')} ${subject}\n${cure}\n(${code})\n`)
  }
  return usageCodes.has(code) ? exitCodes.usage : exitCodes.failed
}

/** One JSON document on stdout. bigint has no JSON form and becomes a string. */
export function print(value: unknown): void {
  process.stdout.write(
    `${JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each), 2)}\n`,
  )
}
