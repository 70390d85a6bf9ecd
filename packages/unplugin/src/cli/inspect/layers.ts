import type { Graph, Model, Node, Tensor, Use } from '@unplugin-onnx/core'

/** What one node holds in constants. */
export interface LayerSize {
  readonly node: string
  readonly operator: string
  /** Types of its constants, the largest first. */
  readonly types: readonly string[]
  /** Shape of the largest. */
  readonly shape: readonly number[]
  readonly bytes: number
  /** Of all constants. */
  readonly share: number
}

/** Constants of one element type. */
export interface TypeSize {
  readonly type: string
  readonly tensors: number
  readonly bytes: number
  readonly share: number
}

/** Operators that pass a constant on, in another shape or type, to who computes with it. */
const carriers = new Set([
  'Cast',
  'DequantizeLinear',
  'Identity',
  'QuantizeLinear',
  'Reshape',
  'Transpose',
  'Unsqueeze',
])

export const operatorOf = ({ domain, opType }: Node): string =>
  domain === '' ? opType : `${domain}.${opType}`

/** Sizes by the node that computes with the constants, the largest first. What several read is the first one's. */
export function layersOf(model: Model): LayerSize[] {
  const found = new Map<Node | string, { tensors: Tensor[] }>()
  let total = 0
  for (const { tensor, reader, name } of constantsOf(model)) {
    const key = reader ?? name
    const layer = found.get(key) ?? { tensors: [] }
    layer.tensors.push(tensor)
    found.set(key, layer)
    total += tensor.byteLength
  }
  const layers = [...found].map(([key, { tensors }]): LayerSize => {
    tensors.sort((a, b) => b.byteLength - a.byteLength)
    const bytes = tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
    return {
      node: typeof key === 'string' ? key : key.label,
      operator: typeof key === 'string' ? '' : operatorOf(key),
      types: [...new Set(tensors.map(({ dataType }) => dataType))],
      shape: tensors[0]?.dims ?? [],
      bytes,
      share: total === 0 ? 0 : bytes / total,
    }
  })
  return layers.sort((a, b) => b.bytes - a.bytes)
}

/** Sizes by element type, the largest first. */
export function typesOf(model: Model): TypeSize[] {
  const byType = new Map<string, { tensors: number; bytes: number }>()
  let total = 0
  for (const { tensor } of constantsOf(model)) {
    const { tensors, bytes } = byType.get(tensor.dataType) ?? { tensors: 0, bytes: 0 }
    byType.set(tensor.dataType, { tensors: tensors + 1, bytes: bytes + tensor.byteLength })
    total += tensor.byteLength
  }
  return [...byType]
    .map(([type, size]) => ({ type, ...size, share: total === 0 ? 0 : size.bytes / total }))
    .sort((a, b) => b.bytes - a.bytes)
}

interface Constant {
  readonly tensor: Tensor
  readonly name: string
  /** Undefined where nobody reads it. */
  readonly reader: Node | undefined
}

/** Initializers and the tensors of Constant nodes: exporters put weights into either. */
function* constantsOf(model: Model): Generator<Constant> {
  for (const graph of model.graphs()) yield* constantsIn(graph)
}

function* constantsIn(graph: Graph): Generator<Constant> {
  for (const value of graph.initializers()) {
    if (value.initializer)
      yield { tensor: value.initializer, name: value.name, reader: readerOf(value.uses[0]) }
  }
  for (const node of graph.nodes) {
    const tensor = node.opType === 'Constant' && node.domain === '' ? node.tensor('value') : undefined
    const [output] = node.outputs
    if (tensor) yield { tensor, name: output?.name ?? node.label, reader: readerOf(output?.uses[0]) }
  }
}

/** Who computes with a constant: what is only passed on is looked behind, but shapes and axes end where they are read. */
function readerOf(first: Use | undefined): Node | undefined {
  let use = first
  for (let step = 0; step < 8 && use !== undefined; step++) {
    const { node, index } = use
    const carried = index === 0 || /^(Dequantize|Quantize)Linear$/.test(node.opType)
    const next: Use | undefined = carriers.has(node.opType) && carried ? node.outputs[0]?.uses[0] : undefined
    if (next === undefined) break
    use = next
  }
  return use?.node
}
