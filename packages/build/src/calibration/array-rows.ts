import type { ValueSignature } from '@unplugin-onnx/runtime'
import { type DenseArray, sizeOf } from '../arrays'
import { printable } from '../printable'
import type { StoredArray, StoredArrays } from './numpy-file'
import type { Rows } from './sample-source'
import { type Complaints, castable, fits, typed, wrongShape, wrongType } from './signature'

/** How an array is cut into inputs. */
interface Cut {
  readonly input: ValueSignature
  readonly array: StoredArray
  readonly count: number
  /** Shape of one input. */
  readonly dims: readonly number[]
  /** Steps of each sequence, where the array has an axis for them. */
  readonly steps?: number
}

/**
 * Cuts arrays into samples. An array with the input's own rank holds rows along the batch dimension: as many as that
 * dimension says where it is fixed, else one a sample. An array with one axis more has samples along its first axis. Where
 * state is fed back, one with two axes more has sequences along the first and their steps along the second.
 */
export function arrayRows(
  { arrays, close }: StoredArrays,
  inputs: readonly ValueSignature[],
  sequential: boolean,
  complain: Complaints,
): Rows {
  const cuts = [...named(arrays, inputs, complain)].map(([name, array]): Cut => {
    const input = inputs.find((each) => each.name === name)
    if (input === undefined) throw complain.unknownInput(name, inputs)
    if (!castable(array.type, input.type))
      throw complain.invalid(wrongType(input, array.type), `Save it as ${input.type}.`)
    return { input, array, ...cut(array.dims, input, sequential, complain) }
  })
  const length = Math.max(...cuts.map(({ count }) => count))
  const odd = cuts.find(({ count }) => count !== length && count !== 1)
  if (odd !== undefined) {
    const name = printable(odd.input.name)
    throw complain.invalid(
      `has ${odd.count} rows of '${name}' where another input has ${length}`,
      'Give every input the same number of rows.',
    )
  }
  const steps = cuts.find((each) => each.steps !== undefined)?.steps
  const elements = cuts.reduce((sum, { dims }) => sum + sizeOf(dims), 0)
  return {
    length,
    async at(index) {
      const feeds: [string, DenseArray][] = []
      for (const { input, array, count, dims } of cuts) {
        const size = sizeOf(dims)
        const data = await array.read((count === 1 ? 0 : index) * size, size)
        feeds.push([input.name, typed({ type: array.type, dims, data }, input)])
      }
      return Object.fromEntries(feeds)
    },
    nameOf: (index) =>
      steps === undefined ? `row ${index}` : `sequence ${Math.floor(index / steps)}, step ${index % steps}`,
    groupOf: (index) => (!sequential ? index : steps === undefined ? 0 : Math.floor(index / steps)),
    elementsOf: () => elements,
    notes: [],
    close,
  }
}

/** The array of an `.npy` file has no name: it is for the only input. */
function named(
  arrays: StoredArrays['arrays'],
  inputs: readonly ValueSignature[],
  complain: Complaints,
): StoredArrays['arrays'] {
  const lone = arrays.get('')
  if (lone === undefined || arrays.size > 1) return arrays
  const required = inputs.filter((input) => input.optional !== true)
  const [only] = required
  if (required.length !== 1 || only === undefined)
    throw complain.invalid(
      `is one array and can't feed ${required.length} inputs`,
      'Save an .npz with numpy.savez.',
    )
  return new Map([[only.name, lone]])
}

function cut(
  dims: readonly number[],
  input: ValueSignature,
  sequential: boolean,
  complain: Complaints,
): Pick<Cut, 'count' | 'dims' | 'steps'> {
  const shape = input.dims
  const mismatch = () =>
    complain.invalid(wrongShape(input, dims), 'Give rows of the shape that the model wants.')
  const [rows = 0, ...rest] = dims
  if (shape === undefined)
    return dims.length === 0 ? { count: 1, dims } : atLeastOne({ count: rows, dims: [1, ...rest] }, mismatch)
  if (sequential && dims.length === shape.length + 2) {
    const [steps = 0, ...step] = rest
    if (!fits(step, shape)) throw mismatch()
    return atLeastOne({ count: rows * steps, dims: step, steps }, mismatch)
  }
  if (dims.length === shape.length + 1) {
    if (!fits(rest, shape)) throw mismatch()
    return atLeastOne({ count: rows, dims: rest }, mismatch)
  }
  if (dims.length !== shape.length) throw mismatch()
  if (dims.length === 0) return { count: 1, dims }
  if (!fits(rest, shape.slice(1))) throw mismatch()
  const [batch] = shape
  const size = typeof batch === 'number' && batch > 0 ? batch : 1
  if (rows % size !== 0) throw mismatch()
  return atLeastOne({ count: rows / size, dims: [size, ...rest] }, mismatch)
}

function atLeastOne<C extends { readonly count: number }>(given: C, mismatch: () => Error): C {
  if (given.count === 0) throw mismatch()
  return given
}
