import { fromFloat16, toFloat16 } from '@unplugin-onnx/core'
import type { TensorType } from '@unplugin-onnx/runtime'
import {
  arrayTypes,
  type DenseArray,
  isFloat,
  isNumberArray,
  isNumeric,
  type NumberArray,
  type NumericType,
} from './arrays'

/** All elements as numbers; 64-bit ones beyond 2^53 lose their last digits, strings have none. */
export function numbersOf({ type, data }: DenseArray): Exclude<NumberArray, BigInt64Array | BigUint64Array> {
  if (!isNumberArray(data)) return new Float64Array()
  if (type === 'float16' && data instanceof Uint16Array) return fromFloat16(data)
  if (!(data instanceof BigInt64Array) && !(data instanceof BigUint64Array)) return data
  const numbers = new Float64Array(data.length)
  for (let index = 0; index < data.length; index++) numbers[index] = Number(data[index])
  return numbers
}

/** Numbers as a tensor of any type; fractions are cut off where the type has none. */
export function arrayOfNumbers(
  type: NumericType,
  dims: readonly number[],
  numbers: ArrayLike<number>,
): DenseArray {
  if (type === 'float16') return { type, dims, data: toFloat16(Float32Array.from(numbers)) }
  const data = new arrayTypes[type](numbers.length)
  for (let index = 0; index < numbers.length; index++) {
    const value = numbers[index] ?? 0
    if (data instanceof BigInt64Array || data instanceof BigUint64Array)
      data[index] = BigInt(Math.trunc(value))
    else data[index] = value
  }
  return { type, dims, data }
}

/**
 * The same values in another type, where that is meant rather than an accident: between float types, from a whole number
 * to a type that holds it exactly, between bool and the whole numbers 0 and 1.
 * @returns undefined where values or kinds don't fit
 */
export function castArray(source: DenseArray, type: TensorType): DenseArray | undefined {
  if (source.type === type) return source
  if (!isNumeric(type) || !isNumberArray(source.data)) return undefined
  if (isFloat(source.type))
    return isFloat(type) ? arrayOfNumbers(type, source.dims, numbersOf(source)) : undefined
  const numbers = numbersOf(source)
  const cast = arrayOfNumbers(type, source.dims, numbers)
  const back = numbersOf(cast)
  for (let index = 0; index < numbers.length; index++) {
    const number = numbers[index] ?? 0
    // Numbers of 64 bits pass through float64 on the way: that has to be exact as well.
    if (back[index] !== number || !Number.isSafeInteger(number)) return undefined
    if (type === 'bool' && number !== 0 && number !== 1) return undefined
  }
  return cast
}
