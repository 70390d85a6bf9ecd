import type { Graph } from '../graph/graph'
import type { Value } from '../graph/value'
import { definePass } from './pass'
import { canReplaceUses, Placement } from './placement'
import { digest, equalBytes, equalTransposed, orderlessDigest } from './same-bytes'

/**
 * Lets initializers with the same type, shape and bytes be one, across all graphs; in branches that don't see each other
 * it moves to the graph around both. A matrix that is another one transposed (an embedding tied to the output layer, as
 * exporters write it) becomes a Transpose of that one, which engines fold when they load the model.
 *
 * Defaults of inputs and outputs of graphs stay. Only tensors that agree in type and shape are read at all.
 */
export const dedupeInitializers = definePass({
  name: 'dedupe-initializers',
  version: 1,
  summary: 'Lets initializers with the same content, transposed ones included, be one.',
  source: 'onnx/ir-py, passes/common/initializer_deduplication.py',
  options: {
    /** Smaller tensors stay. */
    minBytes: 64,
    /** Also look for transposed copies, from 4096 bytes on. */
    transposed: true,
  },
  describe: {
    minBytes: 'smaller tensors stay',
    transposed: 'also look for transposed copies, from 4096 bytes on',
  },
  fidelity: 100,
  run(model, { minBytes, transposed }) {
    const candidates = [...model.initializers()].filter(
      (value) => value.isConstant && bytesOf(value) >= minBytes,
    )
    let changed = 0
    const firsts: Value[] = []
    for (const group of groups(candidates, shapeKey)) {
      if (group.length === 1) firsts.push(...group)
      else for (const same of groups(group, digestKey)) changed += mergeAll(same, firsts)
    }
    if (transposed) changed += tieTransposed(firsts)
    return { changed, skipped: [] }
  },
})

const bytesOf = (value: Value): number => value.initializer?.byteLength ?? 0
const shapeKey = (value: Value): string => `${value.initializer?.dataType} ${value.initializer?.dims.join()}`

function digestKey(value: Value): string {
  const tensor = value.initializer
  if (tensor === undefined) return ''
  return tensor.dataType === 'string' ? JSON.stringify(tensor.strings()) : digest(tensor.bytes())
}

function groups<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const byKey = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = byKey.get(key)
    if (group === undefined) byKey.set(key, [item])
    else group.push(item)
  }
  return [...byKey.values()]
}

/** Merges values of one digest; what stays is added to `firsts`. */
function mergeAll(values: readonly Value[], firsts: Value[]): number {
  const kept: Value[] = []
  let merged = 0
  for (const value of values) {
    const index = kept.findIndex((first) => sameData(first, value))
    const first = kept[index]
    const result = first && merge(first, value)
    if (result === undefined) kept.push(value)
    else {
      kept[index] = result
      merged++
    }
  }
  firsts.push(...kept)
  return merged
}

function sameData(a: Value, b: Value): boolean {
  const [x, y] = [a.initializer, b.initializer]
  if (x === undefined || y === undefined) return false
  // The digest of strings is the strings.
  return x === y || x.dataType === 'string' || equalBytes(x.bytes(), y.bytes())
}

/** @returns the value that is left of the two, or undefined where they can't be one */
function merge(first: Value, other: Value): Value | undefined {
  if (other.isOutput) return undefined
  if (first.graph.encloses(other.graph)) {
    if (!canReplaceUses(other, first)) return undefined
    replace(other, first)
    return first
  }
  const graph = commonGraph(first.graph, other.graph)
  const tensor = first.initializer
  if (graph === undefined || tensor === undefined || first.isOutput) return undefined
  const shared = graph.addInitializer(graph.uniqueName(first.name), tensor)
  replace(first, shared)
  replace(other, shared)
  return shared
}

function replace(value: Value, by: Value): void {
  value.replaceAllUsesWith(by)
  value.graph.removeInitializer(value)
}

function commonGraph(a: Graph, b: Graph): Graph | undefined {
  let graph: Graph | undefined = a
  while (graph !== undefined && !graph.encloses(b)) graph = graph.parent
  return graph
}

const MIN_TRANSPOSED_BYTES = 4096

function tieTransposed(values: readonly Value[]): number {
  const matrices = values.filter(({ initializer: tensor }) => {
    return (
      tensor?.dims.length === 2 && tensor.dataType === 'float32' && tensor.byteLength >= MIN_TRANSPOSED_BYTES
    )
  })
  const placement = new Placement()
  let tied = 0
  for (const alike of groups(matrices, (value) => [...(value.initializer?.dims ?? [])].sort().join())) {
    if (alike.length === 1) continue
    for (const group of groups(alike, ({ initializer }) =>
      initializer ? orderlessDigest(initializer.bytes()) : '',
    )) {
      // An embedding that is looked up stays as it is: transposing it for every lookup would cost more.
      const [first, ...others] = [...group].sort((a, b) => Number(isEmbedding(b)) - Number(isEmbedding(a)))
      for (const other of others)
        if (first !== undefined && !isEmbedding(other) && tie(first, other, placement)) tied++
    }
  }
  return tied
}

function tie(first: Value, copy: Value, placement: Placement): boolean {
  if (copy.isOutput || copy.graph.find(first.name) !== first || !sameTransposed(first, copy)) return false
  const user = placement.firstUser(copy)
  if (user === undefined) return false
  const { graph } = copy
  const [output] = graph.addNode(
    {
      opType: 'Transpose',
      inputs: [first],
      outputs: [graph.uniqueName(`${first.name}_transposed`)],
      attributes: { perm: { type: 'ints', value: [1, 0] } },
    },
    { before: user },
  ).outputs
  if (output !== undefined) replace(copy, output)
  return true
}

const isEmbedding = (value: Value): boolean =>
  value.uses.some(({ node, index }) => node.opType === 'Gather' && index === 0)

function sameTransposed(a: Value, b: Value): boolean {
  const [x, y] = [a.initializer, b.initializer]
  if (x === undefined || y === undefined) return false
  const [rows = 0, columns = 0] = x.dims
  if (y.dims[0] !== columns || y.dims[1] !== rows || rows === 1 || columns === 1) return false
  return equalTransposed(x.float32(), y.float32(), rows, columns)
}
