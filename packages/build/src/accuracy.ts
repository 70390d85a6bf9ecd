import { measureErrors, top1Agreement } from '@unplugin-onnx/core'
import type { Accuracy } from '@unplugin-onnx/runtime'
import { type DenseArray, type Feeds, isFloat, isNumberArray, numbersOf } from './arrays'
import { printable } from './printable'

/** Adds up, sample by sample, how well a variant agrees with its source; keeps the worst of everything. */
export class Agreement {
  #sqnr = 200
  #cosine = 1
  #maxError = 0
  #rows = 0
  #sameRows = 0
  readonly #classes: ReadonlySet<string>

  /** @param classes names of outputs that hold class scores along their last axis */
  constructor(classes: ReadonlySet<string>) {
    this.#classes = classes
  }

  /** @returns a text that says why the outputs can't agree, where that is so */
  add(source: Feeds, variant: Feeds): string | undefined {
    for (const [name, expected] of Object.entries(source)) {
      const actual = variant[name]
      const problem = actual === undefined ? 'is missing' : this.#compare(expected, actual)
      if (problem !== undefined) return `its output '${printable(name)}' ${problem}`
      if (actual !== undefined && this.#classes.has(name)) this.#countRows(expected, actual)
    }
    return undefined
  }

  result(): Accuracy {
    const top1 = this.#rows === 0 ? {} : { top1: this.#sameRows / this.#rows }
    return { sqnr: this.#sqnr, cosine: this.#cosine, maxError: this.#maxError, ...top1 }
  }

  #compare(expected: DenseArray, actual: DenseArray): string | undefined {
    if (actual.type !== expected.type) return `is ${actual.type} and not ${expected.type}`
    if (actual.dims.join() !== expected.dims.join()) {
      return `has the shape [${actual.dims.join(', ')}] and not [${expected.dims.join(', ')}]`
    }
    if (!isNumberArray(expected.data)) {
      return expected.data.every((each, index) => each === actual.data[index])
        ? undefined
        : 'holds other texts'
    }
    const reference = numbersOf(expected)
    const measured = measureErrors(reference, numbersOf(actual))
    if (!Number.isFinite(measured.maxError)) return 'is infinite or not a number where the source is a number'
    // A source of zeros gives no signal to compare a difference with: that is as bad as it gets, and still a number.
    this.#sqnr = Math.min(this.#sqnr, Math.max(-200, measured.sqnr))
    this.#cosine = Math.min(this.#cosine, measured.cosine)
    this.#maxError = Math.max(this.#maxError, measured.maxError)
    return undefined
  }

  #countRows(expected: DenseArray, actual: DenseArray): void {
    const width = expected.dims.at(-1) ?? 0
    if (width < 2 || !isFloat(expected.type)) return
    const rows = expected.data.length / width
    this.#rows += rows
    this.#sameRows += rows * top1Agreement(numbersOf(expected), numbersOf(actual), width)
  }
}

/** What a variant of the source's own bytes reaches. */
export const identical: Accuracy = { sqnr: 200, cosine: 1, maxError: 0 }
