import { printable } from '@unplugin-onnx/build'
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
    return `${red('error')} ${shown(unknownText(error))}\n`
  }
  const { code, problem, cure, model } = error
  const subject = model === undefined || problem.includes(model) ? problem : `${model}: ${problem}`
  return `${red('error')} ${shown(`${subject}\n${cure}`)}\n(${code})\n`
}

/** Lines stay lines, and whatever else a terminal would act on becomes visible. */
const shown = (text: string): string => text.split('\n').map(printable).join('\n')

/** Of what JSON leaves as it is, all that a terminal would act on: C1 controls, direction marks, separators. */
const invisible = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu

/** What the system says, of a full disk say, is no mistake of ours that a stack would help to find. */
function unknownText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'syscall' in error ? error.message : (error.stack ?? error.message)
}

/** One JSON document on stdout. bigint has no JSON form and becomes a string. */
export function print(value: unknown): void {
  const text = JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each), 2)
  process.stdout.write(`${text.replace(invisible, escaped)}\n`)
}

/** As JSON has it: a character beyond 16 bits is two of them. */
const escaped = (character: string): string =>
  character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
