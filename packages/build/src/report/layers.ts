import { type Model, measureErrors, type Node, readModel, type Tensor, type Value } from '@unplugin-onnx/core'
import type { InputLimits } from '../limits'
import { printable } from '../printable'
import type { OpenFile } from '../tasks/workbench'
import type { LayerVariant, ReportLayer } from './data'
import { histogramOf } from './histogram'
import { floats, gridOfDequantized, type Stored, storedAs } from './stored'

/** A report of more layers is read by nobody; of larger models the largest are told. */
const maxLayers = 500
/** Rounding leaves more than this many dB; where less is left, the weights were also scaled or moved. */
const leastSqnr = 5

/** A variant that is open. */
export interface OpenVariant {
  readonly file: string
  readonly model: Model
  /** Layers that its recipe left as they were, by the name of the weight or of the node. */
  readonly skipped?: readonly { readonly node: string; readonly reason: string }[]
}

/** Operators that pass a weight on, in another shape or type, to who computes with it. */
const carriers = new Set(['Cast', 'DequantizeLinear', 'Identity', 'QuantizeLinear', 'Reshape', 'Transpose'])

interface Weight {
  readonly name: string
  readonly tensor: Tensor
  readonly reader: Node | undefined
  /** The values lie as [K, N], as MatMul's constant does. */
  readonly transposed: boolean
}

/**
 * The weights of a model, each with a histogram, and what became of it in each variant. Tensors are read one at a time.
 * @param variants each file once
 */
export function* layersOf(source: Model, variants: readonly OpenVariant[]): Generator<ReportLayer> {
  const lookups = variants.map((variant) => ({ variant, find: finder(variant.model) }))
  for (const weight of weightsOf(source)) {
    const { name, tensor, reader } = weight
    const values = floats(tensor)
    const histogram = values && histogramOf(values)
    const reach = histogram ? Math.max(-histogram.from, histogram.to) : Number.POSITIVE_INFINITY
    yield {
      name,
      node: reader?.name || reader?.outputs[0]?.name || name,
      opType: reader?.opType ?? '',
      dims: tensor.dims,
      dataType: tensor.dataType,
      bytes: tensor.byteLength,
      variants: lookups.map(({ variant, find }) => become(weight, values, variant, find(weight, reach))),
      ...(histogram && { weights: histogram }),
    }
  }
}

/**
 * `layersOf` for files that are opened for it, and closed.
 * @param open opens a variant, or without one the source
 * @param name of the source, for messages
 * @param limits of all of them
 */
export function layersIn<V extends Omit<OpenVariant, 'model'>>(
  open: (variant?: V) => OpenFile,
  variants: readonly V[],
  name: string,
  limits: Partial<InputLimits> = {},
): ReportLayer[] {
  const opened: OpenFile[] = []
  const read = (variant?: V): Model => {
    const file = open(variant)
    opened.push(file)
    return readModel(file.bytes, { external: file.external, name: printable(name), limits })
  }
  try {
    const different = [...new Map(variants.map((variant) => [variant.file, variant])).values()]
    return [
      ...layersOf(
        read(),
        different.map((variant) => ({ ...variant, model: read(variant) })),
      ),
    ]
  } finally {
    for (const file of opened) file.close()
  }
}

function become(
  { name, reader, tensor, transposed }: Weight,
  values: ArrayLike<number> | undefined,
  { file, skipped }: OpenVariant,
  found: Found | undefined,
): LayerVariant {
  const names = [name, reader?.name]
  const kept = skipped?.find(({ node }) => node !== '' && names.includes(node))?.reason
  if (found === undefined) return { file, dataType: 'none', bytes: 0, ...(kept !== undefined && { kept }) }
  const { stored, inputGrid } = found
  const after = values && stored.values({ dims: tensor.dims, transposed })
  const sqnr =
    values && after && after.length === values.length ? measureErrors(values, after).sqnr : undefined
  return {
    file,
    dataType: stored.dataType,
    bytes: stored.bytes,
    ...(kept !== undefined && { kept }),
    ...(sqnr !== undefined && sqnr >= leastSqnr && { sqnr }),
    ...(stored.grid && { grid: stored.grid }),
    ...(inputGrid && { inputGrid }),
  }
}

/** Constants that are multiplied with: of more than one dimension, or large. The largest where there are too many. */
function weightsOf(model: Model): Weight[] {
  const all: Weight[] = []
  let total = 0
  for (const [value, tensor] of constantsOf(model)) {
    total += tensor.byteLength
    const reader = readerOf(value)
    const turned = reader?.opType === 'MatMul' || (reader?.opType === 'Gemm' && reader.int('transB', 0) === 0)
    all.push({ name: value.name, tensor, reader, transposed: turned })
  }
  const weights = all.filter(
    ({ tensor: { dataType, dims, size, byteLength } }) =>
      /float|^u?int[248]$/.test(dataType) &&
      (byteLength > total / 100 || (size >= 16 && dims.filter((dim) => dim > 1).length > 1)),
  )
  if (weights.length <= maxLayers) return weights
  const largest = [...weights].sort((a, b) => b.tensor.byteLength - a.tensor.byteLength)
  return largest.slice(0, maxLayers)
}

/** In the order of the nodes that read them, which is the order of the computation; those of branches as well. */
function* constantsOf(model: Model): Generator<[Value, Tensor]> {
  const seen = new Set<Value>()
  for (const node of model.nodes()) {
    for (const value of node.inputs) {
      if (value === undefined || seen.has(value)) continue
      const tensor =
        value.initializer ??
        (value.producer?.opType === 'Constant' ? value.producer.tensor('value') : undefined)
      if (tensor === undefined) continue
      seen.add(value)
      yield [value, tensor]
    }
  }
}

/** Who computes with a constant, behind what only passes it on. */
function readerOf(value: Value): Node | undefined {
  let node = value.uses[0]?.node
  for (let step = 0; step < 8 && node !== undefined && carriers.has(node.opType); step++) {
    const next: Node | undefined = node.outputs[0]?.uses[0]?.node
    if (next === undefined) break
    node = next
  }
  return node
}

interface Found {
  readonly stored: Stored
  readonly inputGrid?: LayerVariant['inputGrid']
}

/** Finds a weight of the source in a variant: by its name, by the name that integers of it get, or by its node. */
function finder(model: Model): (weight: Weight, reach: number) => Found | undefined {
  const constants = new Map<string, [Value, Tensor]>()
  const byNode = new Map<string, Node>()
  for (const [value, tensor] of constantsOf(model))
    if (!constants.has(value.name)) constants.set(value.name, [value, tensor])
  for (const node of model.nodes()) if (node.name !== '') byNode.set(node.name, node)

  return ({ name, tensor, reader }, reach) => {
    const node = reader && byNode.get(reader.name)
    const [value, stored] =
      constants.get(name) ?? constants.get(`${name}_quantized`) ?? largestOf(node, tensor) ?? []
    if (value === undefined || stored === undefined) return undefined
    const inputGrid = gridOfInput(readerOf(value))
    return { stored: storedAs(value, stored, reach), ...(inputGrid && { inputGrid }) }
  }
}

/** The constant that a node now multiplies with, if there is one that is about as large. */
function largestOf(node: Node | undefined, was: Tensor): [Value, Tensor] | undefined {
  let largest: [Value, Tensor] | undefined
  for (let value of node?.inputs ?? []) {
    for (let step = 0; step < 8 && value?.producer && carriers.has(value.producer.opType); step++)
      value = value.producer.inputs[0]
    const tensor = value?.initializer
    if (value && tensor && tensor.size * 2 >= was.size && tensor.size > (largest?.[1].size ?? 0))
      largest = [value, tensor]
  }
  return largest
}

/** Static quantization puts a pair of nodes between a layer and its input, and the pair has the grid. */
function gridOfInput(reader: Node | undefined): LayerVariant['inputGrid'] {
  const dequantize = reader?.inputs[0]?.producer
  const quantize = dequantize?.inputs[0]?.producer
  if (dequantize?.opType !== 'DequantizeLinear' || quantize?.opType !== 'QuantizeLinear') return undefined
  return gridOfDequantized(dequantize, quantize.inputs[2]?.initializer?.dataType ?? 'uint8')
}
