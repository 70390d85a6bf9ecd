import type { Graph } from '../../graph/graph'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { channelLayout, quantizeInt8, symmetricScales } from '../../kernels/int8'
import type { DataType } from '../../onnx/data-types'
import { Maxima } from './maxima'

export type WeightType = 'int8' | 'uint8'

/** A weight in 8 bits: w = (q - zeroPoint) * scale, with one scale, or one for each channel of `axis`. */
export interface IntegerWeight {
  readonly type: WeightType
  readonly axis: number | undefined
  readonly scales: Float32Array
  /** 0 for int8, 128 for uint8: both are symmetric, -127 to 127 steps. */
  readonly zeroPoint: number
  /** Made when the writer comes to it. */
  readonly quantized: Tensor
}

export interface WeightForm {
  readonly type: WeightType
  /** Channels that have a scale of their own; undefined for one scale. */
  readonly axis: number | undefined
  /** A matrix is stored with its axes swapped. */
  readonly transposed?: boolean
  /** Least scale of each channel, so that a bias fits its int32. */
  readonly leastScales?: Float32Array
}

/**
 * @param known what has been read of weights already
 * @returns undefined where the weight holds NaN or infinity
 */
export function integerWeight(
  tensor: Tensor,
  form: WeightForm,
  known = new Maxima(),
): IntegerWeight | undefined {
  const { type, axis, transposed = false, leastScales } = form
  const layout = channelLayout(tensor.dims, axis)
  const maxima = known.of(tensor, axis)
  if (maxima.includes(Number.NaN)) return undefined
  const scales = symmetricScales(maxima).map((scale, channel) => Math.max(scale, leastScales?.[channel] ?? 0))
  const [rows = 0, columns = 0] = tensor.dims
  const dims = transposed ? [columns, rows] : tensor.dims
  const quantized = Tensor.lazy(type, dims, () => {
    const signed = quantizeInt8(known.scratch.float32(tensor), layout, scales)
    const bytes = new Uint8Array(signed.buffer, signed.byteOffset, signed.length)
    // Adding 128 in eight bits flips the top one.
    if (type === 'uint8')
      for (let index = 0; index < bytes.length; index++) bytes[index] = (bytes[index] as number) ^ 0x80
    return transposed ? transpose(bytes, rows, columns) : bytes
  })
  return { type, axis, scales, zeroPoint: type === 'uint8' ? 128 : 0, quantized }
}

function transpose(bytes: Uint8Array, rows: number, columns: number): Uint8Array {
  const result = new Uint8Array(bytes.length)
  for (let row = 0, index = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, index++)
      result[column * rows + row] = bytes[index] as number
  return result
}

/** Constants that are added once, however many nodes read them. */
export class Constants {
  readonly #values = new Map<string, Value>()

  /** A scalar in the outermost graph, where all graphs see it. */
  scalar(graph: Graph, dataType: 'float32' | WeightType | 'uint16', value: number): Value {
    return this.#constant(graph, dataType, [], value)
  }

  /** So many zero points, one for each channel, in the outermost graph. */
  zeroPoints(graph: Graph, dataType: WeightType, channels: number, value: number): Value {
    return this.#constant(graph, dataType, [channels], value)
  }

  #constant(graph: Graph, dataType: DataType, dims: readonly number[], value: number): Value {
    const root = outermost(graph)
    const key = `${dataType} ${dims} ${value}`
    let constant = this.#values.get(key)
    if (constant === undefined) {
      const name = root.uniqueName(dataType === 'float32' ? 'scale' : `zero_point_${value}`)
      const size = dims[0] ?? 1
      constant = root.addInitializer(name, Tensor.of(dataType, dims, new Array<number>(size).fill(value)))
      this.#values.set(key, constant)
    }
    return constant
  }
}

function outermost(graph: Graph): Graph {
  let root = graph
  while (root.parent !== undefined) root = root.parent
  return root
}

/** Float32 numbers as a constant of `graph`. */
export function addFloats(graph: Graph, base: string, dims: readonly number[], data: Float32Array): Value {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return graph.addInitializer(graph.uniqueName(base), Tensor.fromBytes('float32', dims, bytes))
}

/** Takes a constant out that no node reads any more. */
export function removeIfUnused(value: Value): void {
  if (value.uses.length === 0 && !value.isOutput && !value.isInput && value.initializer !== undefined)
    value.graph.removeInitializer(value)
}
