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
  'ONNX_DIFF_SIDE_UNKNOWN',
])

const budgetCodes: ReadonlySet<string> = new Set(['ONNX_BUDGET_MISSED', 'ONNX_SIZE_BUDGET_EXCEEDED'])

/**
 * Prints an error, as one JSON object on stdout if wanted, else as text on stderr.
 * @returns the exit code that it deserves
 */
export function report(error: unknown, json: boolean): ExitCode {
  if (json) print(errorJson(error))
  else process.stderr.write(errorText(error))
  if (!(error instanceof OnnxError)) return exitCodes.failed
  if (budgetCodes.has(error.code)) return exitCodes.budgetMissed
  return usageCodes.has(error.code) ? exitCodes.usage : exitCodes.failed
}

/** An error as data. */
export function errorJson(error: unknown): { readonly error: object } {
  if (!(error instanceof OnnxError))
    return { error: { message: error instanceof Error ? error.message : String(error) } }
  const { code, problem, cure, model, node, tensor } = error
  return { error: { code, message: problem, cure, model, node, tensor } }
}

function errorText(error: unknown): string {
  const { red } = pc.createColors(pc.isColorSupported && process.stderr.isTTY === true)
  if (!(error instanceof OnnxError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return `${red('error')} ${text}\n`
  }
  const { code, problem, cure, model } = error
  const subject = model === undefined || problem.includes(model) ? problem : `${model}: ${problem}`
  return `${red('error')} ${subject}\n${cure}\n(${code})\n`
}

/** One JSON document on stdout. bigint has no JSON form and becomes a string. */
export function print(value: unknown): void {
  process.stdout.write(
    `${JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each), 2)}\n`,
  )
}
