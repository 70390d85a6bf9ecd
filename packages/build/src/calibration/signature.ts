import type { OnnxError } from '@unplugin-onnx/core'
import type { TensorType, ValueSignature } from '@unplugin-onnx/runtime'
import { type DenseArray, isFloat, isNumeric } from '../arrays'
import { errors } from '../errors'
import { castArray } from '../numbers'
import { printable } from '../printable'

/** What is wrong with calibration data, said with the names of the data and the model. */
export interface Complaints {
  invalid(message: string, cure: string, cause?: unknown): OnnxError
  sample(sample: string, message: string, cause?: unknown, cure?: string): OnnxError
  unknownInput(name: string, inputs: readonly ValueSignature[]): OnnxError
}

export const complaints = (model: string, name: string): Complaints => ({
  invalid: (message, cure, cause) => errors.calibrationInvalid(model, name, message, cure, cause),
  sample: (sample, message, cause, cure) =>
    errors.calibrationSampleInvalid(model, name, sample, message, cause, cure),
  unknownInput: (input, inputs) =>
    errors.calibrationUnknownInput(
      model,
      name,
      input,
      inputs.map((each) => each.name),
    ),
})

export type Shape = readonly (number | string | null)[]

export const shapeText = (shape: Shape): string =>
  `[${shape.map((dim) => (dim === null ? '?' : printable(String(dim)))).join(', ')}]`

/** Whether lengths are those that are fixed in a shape of as many axes. */
export const fits = (dims: readonly number[], shape: Shape): boolean =>
  dims.length === shape.length &&
  dims.every((dim, axis) => typeof shape[axis] !== 'number' || shape[axis] === dim)

export const wrongShape = ({ name, dims = [] }: ValueSignature, given: readonly number[]): string =>
  `gives '${printable(name)}' the shape ${shapeText(given)}, and the model wants ${shapeText(dims)}`

export const wrongType = ({ name, type }: ValueSignature, given: TensorType): string =>
  `gives '${printable(name)}' as ${given}, and the model wants ${type}`

/** Whether values of one type can be meant as those of another; whole numbers still have to fit. */
export const castable = (from: TensorType, to: TensorType): boolean =>
  from === to || (isNumeric(from) && isNumeric(to) && (isFloat(to) || !isFloat(from)))

/**
 * The array as the input's type.
 * @throws Error
 */
export function typed(array: DenseArray, input: ValueSignature): DenseArray {
  const cast = castArray(array, input.type)
  if (cast !== undefined) return cast
  const values = castable(array.type, input.type) ? ', which not all of its values are' : ''
  throw new Error(`${wrongType(input, array.type)}${values}`)
}
