import { budgets, type ModelOptions } from '@unplugin-onnx/build'
import { maxDropAlone } from '../errors'

type Accuracy = NonNullable<ModelOptions['accuracy']>

export interface BudgetFlags {
  readonly accuracy?: Accuracy
  readonly evaluate?: string
  readonly maxDrop?: number | `${number}%`
}

/**
 * The budget as the flags say it, over that of the configuration: measures, and a task beside them.
 * @returns undefined where no flag says anything
 * @throws OnnxError ONNX_OPTION_INVALID for --max-drop without a task
 */
export function accuracyOf(
  { accuracy, evaluate, maxDrop }: BudgetFlags,
  configured: Accuracy | undefined,
  model: string,
): Accuracy | undefined {
  if (evaluate === undefined && maxDrop === undefined) return accuracy
  const before = typeof configured === 'object' ? configured : {}
  const task = evaluate ?? before.evaluate
  if (task === undefined) throw maxDropAlone(model)
  const drop = maxDrop ?? (evaluate === undefined ? before.maxDrop : undefined)
  return { ...measuresOf(accuracy), evaluate: task, ...(drop !== undefined && { maxDrop: drop }) }
}

const measuresOf = (accuracy: Accuracy | undefined): Exclude<Accuracy, string> =>
  typeof accuracy === 'string' ? budgets[accuracy] : (accuracy ?? {})
