import type { Graph } from '../../graph/graph'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { channelLayout, fitInt8, quantizeInt8, symmetricScales } from '../../kernels/int8'
import type { DataType } from '../../onnx/data-types'
import { finite } from '../low-bits/finite'
import type { Scratch } from '../low-bits/scratch'
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
  const { type, axis, leastScales } = form
  const layout = channelLayout(tensor.dims, axis)
  const maxima = known.of(tensor, axis)
  if (maxima.includes(Number.NaN)) return undefined
  const scales = symmetricScales(maxima).map((scale, channel) => Math.max(scale, leastScales?.[channel] ?? 0))
  const quantized = Tensor.lazy(type, storedDims(tensor, form), () =>
    stored(quantizeInt8(known.scratch.float32(tensor), layout, scales), tensor, form),
  )
  return { type, axis, scales, zeroPoint: zeroPointOf(type), quantized }
}

/** A weight whose scales are chosen when it is written. */
export interface UnreadWeight extends Omit<IntegerWeight, 'scales'> {
  /**
   * One for each channel.
   * @throws OnnxError ONNX_WEIGHT_NOT_FINITE, as `quantized` does
   */
  scales(): Float32Array
}

/** The same as integerWeight, of a weight that is taken to be finite: it is read once, when the writer comes to it. */
export function unreadIntegerWeight(
  name: string,
  tensor: Tensor,
  form: Omit<WeightForm, 'leastScales'>,
  scratch: Scratch,
): UnreadWeight {
  const { type, axis } = form
  const layout = channelLayout(tensor.dims, axis)
  const fitted = () => finite(name, fitInt8(scratch.float32(tensor), layout))
  let scales: Float32Array | undefined
  const quantized = Tensor.lazy(type, storedDims(tensor, form), () => {
    const made = fitted()
    scales = made.scales
    return stored(made.quantized, tensor, form)
  })
  return {
    type,
    axis,
    zeroPoint: zeroPointOf(type),
    quantized,
    scales: () => (scales ??= fitted().scales),
  }
}

const zeroPointOf = (type: WeightType): number => (type === 'uint8' ? 128 : 0)

function storedDims({ dims }: Tensor, { transposed = false }: WeightForm): readonly number[] {
  const [rows = 0, columns = 0] = dims
  return transposed ? [columns, rows] : dims
}

/** Integers in the type and order that they're stored in; the array itself may become them. */
function stored(integers: Int8Array, { dims }: Tensor, { type, transposed = false }: WeightForm): Uint8Array {
  const bytes = new Uint8Array(integers.buffer, integers.byteOffset, integers.length)
  if (type === 'uint8') addHalfRange(bytes)
  const [rows = 0, columns = 0] = dims
  return transposed ? transpose(bytes, rows, columns) : bytes
}

/** Adding 128 in eight bits flips the top one. */
function addHalfRange(bytes: Uint8Array): void {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2)
  for (let index = 0; index < words.length; index++) words[index] = (words[index] as number) ^ 0x80808080
  for (let index = 4 * words.length; index < bytes.length; index++)
    bytes[index] = (bytes[index] as number) ^ 0x80
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

/** Float32 numbers as a constant of `graph`, which may be made when it is written. */
export function addFloats(
  graph: Graph,
  base: string,
  dims: readonly number[],
  data: Float32Array | (() => Float32Array),
): Value {
  const tensor =
    typeof data === 'function'
      ? Tensor.lazy('float32', dims, () => bytesOf(data()))
      : Tensor.fromBytes('float32', dims, bytesOf(data))
  return graph.addInitializer(graph.uniqueName(base), tensor)
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** Takes a constant out that no node reads any more. */
export function removeIfUnused(value: Value): void {
  if (value.uses.length === 0 && !value.isOutput && !value.isInput && value.initializer !== undefined)
    value.graph.removeInitializer(value)
}
