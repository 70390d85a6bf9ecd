import type { TensorType, ValueSignature } from '@unplugin-onnx/runtime'
import { arrayTypes, type DenseArray, type NumberArray, sizeOf } from '../arrays'

/**
 * One input as a user's module gives it: `{ type, data, dims }`, an onnxruntime Tensor (which has just these), or a bare
 * typed array whose shape follows from the input's own.
 * @returns a text that says what is wrong, where something is
 */
export function feedOf(value: unknown, input: ValueSignature): DenseArray | string {
  if (ArrayBuffer.isView(value) || Array.isArray(value)) return bareArray(value, input)
  if (value === null || typeof value !== 'object' || !('data' in value))
    return 'is neither a typed array nor { type, data, dims }'
  const { data } = value
  const dims = 'dims' in value ? value.dims : undefined
  if (!ArrayBuffer.isView(data) && !Array.isArray(data)) return 'has data that is no typed array'
  if (dims === undefined) return bareArray(data, input)
  if (!Array.isArray(dims) || !dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0))
    return 'has dims that are no shape'
  const type = 'type' in value && typeof value.type === 'string' ? value.type : undefined
  const array = arrayOf(data, input.type, type)
  return typeof array === 'string' ? array : { ...array, dims }
}

function bareArray(value: ArrayBufferView | readonly unknown[], input: ValueSignature): DenseArray | string {
  const array = arrayOf(value, input.type, undefined)
  if (typeof array === 'string') return array
  const shape = input.dims
  if (shape === undefined) return { ...array, dims: [array.data.length] }
  const open = shape.filter((dim) => typeof dim !== 'number').length
  const known = sizeOf(shape.filter((dim) => typeof dim === 'number'))
  // Of several open axes the first is the batch, and all but the last have the length 1.
  let left = open
  const dims = shape.map((dim) => {
    if (typeof dim === 'number') return dim
    left--
    return left === 0 ? array.data.length / known : 1
  })
  if (!dims.every(Number.isSafeInteger) || sizeOf(dims) !== array.data.length) {
    return `has ${array.data.length} elements, which doesn't fit the model's shape: give { type, data, dims }`
  }
  return { ...array, dims }
}

function arrayOf(
  data: ArrayBufferView | readonly unknown[],
  wanted: TensorType,
  declared: string | undefined,
): Pick<DenseArray, 'type' | 'data'> | string {
  if (Array.isArray(data)) {
    if (wanted === 'string') return { type: 'string', data: data.map(String) }
    if (
      !data.every((each) => typeof each === 'number' || typeof each === 'bigint' || typeof each === 'boolean')
    ) {
      return 'holds something that is no number'
    }
    if (data.some((each) => typeof each === 'bigint'))
      return { type: 'int64', data: BigInt64Array.from(data, BigInt) }
    const numbers = Float64Array.from(data, Number)
    const whole = numbers.every(Number.isSafeInteger)
    return whole
      ? { type: 'int64', data: BigInt64Array.from(numbers, BigInt) }
      : { type: 'float64', data: numbers }
  }
  const name = Object.getPrototypeOf(data)?.constructor?.name
  const type = Object.entries(arrayTypes).find(([, each]) => each.name === name)
  if (type === undefined) return `holds a ${String(name)}, which is no tensor data`
  const numbers = data as NumberArray
  // Uint16Array and Uint8Array hold float16 and bool too; what the feed says wins over what the model wants.
  if (data instanceof Uint16Array)
    return { type: (declared ?? wanted) === 'float16' ? 'float16' : 'uint16', data }
  if (data instanceof Uint8Array)
    return { type: (declared ?? wanted) === 'bool' ? 'bool' : 'uint8', data: numbers }
  return { type: type[0] as TensorType, data: numbers }
}
