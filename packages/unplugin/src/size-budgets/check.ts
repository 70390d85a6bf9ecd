import { basename, relative } from 'node:path'
import { printable, targetOf, variantFiles } from '@unplugin-onnx/build/plugin'
import { nearest, OnnxError } from '@unplugin-onnx/core/catalog'
import { matches } from '../options/model-options'
import type { SizeBudgets } from '../options/schema'
import { bytesOf } from '../options/sizes'
import type { BuiltModel } from './built'

/** One figure beside what it may be, in bytes. */
export interface SizeCheck {
  /** Of the model, relative to the root; `total` where it is all of them. */
  readonly model: string
  readonly target?: string
  readonly bytes: number
  readonly budget: number
}

export interface SizeChecks {
  readonly checks: readonly SizeCheck[]
  /** Budgets that hold nothing: a misspelt one would pass for ever. */
  readonly unused: readonly string[]
}

const all = 'total'

/** Holds the variants of all models of a build against the budgets of the options. */
export function checkSizes(models: readonly BuiltModel[], budgets: SizeBudgets, root: string): SizeChecks {
  const checks: SizeCheck[] = []
  const unused: string[] = []
  for (const [glob, limits] of Object.entries(budgets)) {
    if (glob === all) continue
    const fitting = models.filter(({ file }) => matches(glob, file, root))
    if (fitting.length === 0) {
      const near = nearest(
        basename(glob),
        models.map(({ file }) => basename(file)),
      )
      unused.push(
        `budgets['${printable(glob)}'] fits no model of this build.${near === undefined ? '' : ` Did you mean ${printable(near)}?`}`,
      )
    }
    const variants = fitting.flatMap(({ file, manifest }) =>
      manifest.variants.map((variant) => ({ model: named(file, root), variant })),
    )
    const byTarget: readonly (readonly [string | undefined, unknown])[] =
      typeof limits === 'object' ? Object.entries(limits) : [[undefined, limits]]
    for (const [target, limit] of byTarget) {
      const budget = bytesOf(limit) ?? 0
      const held = variants.filter(({ variant }) => target === undefined || variant.target === target)
      if (held.length === 0 && variants.length > 0 && target !== undefined) {
        const known = [...new Set(variants.map(({ variant }) => variant.target))]
        unused.push(
          `budgets['${printable(glob)}'] names a target "${printable(target)}", and its models are converted for ${known.map(printable).join(', ')}.`,
        )
      }
      for (const { model, variant } of held)
        checks.push({ model, target: targetOf(variant), bytes: variant.bytes, budget })
    }
  }
  const total = bytesOf(budgets[all])
  if (total !== undefined) checks.push({ model: all, bytes: emittedBytes(models), budget: total })
  return { checks, unused }
}

const named = (file: string, root: string): string => relative(root, file).replaceAll('\\', '/')

/** Of different files: what two targets, or two copies of a model, share is emitted once. */
function emittedBytes(models: readonly BuiltModel[]): number {
  const files = new Map<string, number>()
  const variants = models.flatMap(({ manifest }) => manifest.variants)
  for (const variant of variants)
    for (const { sha256, bytes } of variantFiles(variant)) files.set(sha256, bytes)
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0)
}

export const isOver = ({ bytes, budget }: SizeCheck): boolean => bytes > budget

/** All checks as aligned lines: `models/det.onnx  wasm  1,283,412 B of 1,000,000 B  283,412 B over`. */
export function sizeTable(checks: readonly SizeCheck[]): string {
  const rows = checks.map((check) => {
    const { model, target = '', bytes, budget } = check
    const rest = isOver(check) ? `${grouped(bytes - budget)} B over` : 'within'
    return [printable(model), printable(target), `${grouped(bytes)} B`, 'of', `${grouped(budget)} B`, rest]
  })
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const pad = (cell: string, column: number) =>
    column < 2 || column > 4 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}

const grouped = (number: number): string => number.toLocaleString('en-US')

/** @returns undefined where all are within their budgets */
export function sizesExceeded(checks: readonly SizeCheck[]): OnnxError | undefined {
  const over = checks.filter(isOver)
  if (over.length === 0) return undefined
  return new OnnxError({
    code: 'ONNX_SIZE_BUDGET_EXCEEDED',
    message: `${over.length === 1 ? 'A size budget is' : `${over.length} size budgets are`} exceeded\n${sizeTable(checks)}`,
    cure: 'Convert with a budget of accuracy that allows for smaller variants, or raise the size budget.',
  })
}
