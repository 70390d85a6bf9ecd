import { measureErrors, top1Agreement } from '@unplugin-onnx/core'
import type { Accuracy } from '@unplugin-onnx/runtime'
import { type DenseArray, type Feeds, isFloat, isNumberArray } from './arrays'
import { numbersOf } from './numbers'
import { printable } from './printable'

/** What a variant of the source's own bytes reaches. */
export const identical: Accuracy = { sqnr: 200, cosine: 1, maxError: 0 }

export interface OutputAccuracy extends Accuracy {
  readonly name: string
}

/** Measures of one output over the samples so far. */
interface Measured {
  sqnr: number
  cosine: number
  maxError: number
  rows: number
  sameRows: number
}

/** Adds up, sample by sample, how well a variant agrees with its source; keeps the worst of everything. */
export class Agreement {
  readonly #outputs = new Map<string, Measured>()
  readonly #classes: ReadonlySet<string>

  /** @param classes names of outputs that hold class scores along their last axis */
  constructor(classes: ReadonlySet<string>) {
    this.#classes = classes
  }

  /** @returns a text that says why the outputs can't agree, where that is so */
  add(source: Feeds, variant: Feeds): string | undefined {
    for (const [name, expected] of Object.entries(source)) {
      const actual = variant[name]
      let measured = this.#outputs.get(name)
      if (measured === undefined) {
        measured = { ...identical, rows: 0, sameRows: 0 }
        this.#outputs.set(name, measured)
      }
      const problem = actual === undefined ? 'is missing' : compare(expected, actual, measured)
      if (problem !== undefined) return `its output '${printable(name)}' ${problem}`
      if (actual !== undefined && this.#classes.has(name)) countRows(expected, actual, measured)
    }
    return undefined
  }

  /** The worst over all outputs; rows of class scores of all outputs count together. */
  result(): Accuracy {
    const all: Measured = { ...identical, rows: 0, sameRows: 0 }
    for (const each of this.#outputs.values()) {
      all.sqnr = Math.min(all.sqnr, each.sqnr)
      all.cosine = Math.min(all.cosine, each.cosine)
      all.maxError = Math.max(all.maxError, each.maxError)
      all.rows += each.rows
      all.sameRows += each.sameRows
    }
    return accuracyOf(all)
  }

  /** Each output by itself. */
  outputs(): OutputAccuracy[] {
    return [...this.#outputs].map(([name, measured]) => ({ name, ...accuracyOf(measured) }))
  }
}

function accuracyOf({ sqnr, cosine, maxError, rows, sameRows }: Measured): Accuracy {
  return { sqnr, cosine, maxError, ...(rows === 0 ? {} : { top1: sameRows / rows }) }
}

function compare(expected: DenseArray, actual: DenseArray, measured: Measured): string | undefined {
  if (actual.type !== expected.type) return `is ${actual.type} and not ${expected.type}`
  if (actual.dims.join() !== expected.dims.join()) {
    return `has the shape [${actual.dims.join(', ')}] and not [${expected.dims.join(', ')}]`
  }
  if (!isNumberArray(expected.data)) {
    const same = expected.data.every((each, index) => each === actual.data[index])
    return same ? undefined : 'holds other texts'
  }
  const errors = measureErrors(numbersOf(expected), numbersOf(actual))
  if (!Number.isFinite(errors.maxError)) return 'is infinite or not a number where the source is a number'
  // A source of zeros gives no signal to compare a difference with: that is as bad as it gets, and still a number.
  measured.sqnr = Math.min(measured.sqnr, Math.max(-200, errors.sqnr))
  measured.cosine = Math.min(measured.cosine, errors.cosine)
  measured.maxError = Math.max(measured.maxError, errors.maxError)
  return undefined
}

function countRows(expected: DenseArray, actual: DenseArray, measured: Measured): void {
  const width = expected.dims.at(-1) ?? 0
  if (width < 2 || !isFloat(expected.type)) return
  const rows = expected.data.length / width
  measured.rows += rows
  measured.sameRows += rows * top1Agreement(numbersOf(expected), numbersOf(actual), width)
}
