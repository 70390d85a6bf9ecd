import { countMacsInRun, targets, type UnsupportedNode, unsupported, variantsOf } from '@unplugin-onnx/build'
import {
  type Amount,
  countMacs,
  externalLocations,
  type MacCount,
  type Model,
  sumAmounts,
  type Value,
} from '@unplugin-onnx/core'
import { type LayerSize, layersOf, operatorOf, type TypeSize, typesOf } from './layers'

export interface Signature {
  readonly name: string
  /** Element type, or `sequence`, `optional` and the like. */
  readonly type: string
  /** A name or null where the model leaves the length open; absent where it leaves the rank open. */
  readonly shape?: readonly (number | string | null)[]
}

/** Multiplications with additions of one run: the sum of `factor` times the lengths in `per`. */
export interface Macs {
  readonly total: readonly Amount[]
  readonly operators: readonly { readonly operator: string; readonly macs: readonly Amount[] }[]
  /** Nodes whose shapes aren't known. */
  readonly uncounted: readonly { readonly node: string; readonly operator: string }[]
  /** Shapes of the inputs, where a run showed those of all nodes. */
  readonly ranOn?: Readonly<Record<string, readonly number[]>>
}

/** What an operator table says about a model on one target. */
export interface Place {
  readonly target: string
  readonly provider: string
  readonly requires: readonly string[]
  /** Whether all nodes run there and give right results, be it on the CPU. */
  readonly runs: boolean
  /** Nodes that the provider refuses, leaves to the CPU, or computes wrongly. */
  readonly nodes: readonly UnsupportedNode[]
}

export interface ModelSummary {
  /** Of the file; external data comes on top. */
  readonly bytes: number
  readonly irVersion: number
  readonly producer: string
  readonly opsets: Readonly<Record<string, number>>
  readonly parameters: number
  readonly inputs: readonly Signature[]
  readonly outputs: readonly Signature[]
  /** Graphs inside of nodes (If, Loop, Scan). */
  readonly subgraphs: number
  readonly nodes: number
  /** Nodes by operator, the most frequent first; subgraphs included. */
  readonly operators: Readonly<Record<string, number>>
  readonly macs: Macs
  /** By element type, the largest first. */
  readonly weights: readonly TypeSize[]
  /** By node, the largest first. */
  readonly layers: readonly LayerSize[]
  readonly external: readonly string[]
  readonly targets: readonly Place[]
}

/**
 * @param name for messages
 * @param bytes of the file
 * @param itself location of external data that is the file itself
 * @param run whether shapes that the model leaves open are found out by running it
 */
export async function summaryOf(
  model: Model,
  name: string,
  {
    bytes,
    itself,
    run,
  }: { readonly bytes: number; readonly itself: string | undefined; readonly run: boolean },
): Promise<ModelSummary> {
  const operators = new Map<string, number>()
  for (const node of model.nodes()) {
    const operator = operatorOf(node)
    operators.set(operator, (operators.get(operator) ?? 0) + 1)
  }
  const { producerName, producerVersion } = model
  return {
    bytes,
    irVersion: model.irVersion,
    producer: [producerName, producerVersion].filter((part) => part !== '').join(' '),
    opsets: Object.fromEntries(
      [...model.opsetImports].map(([domain, version]) => [domain || 'ai.onnx', version]),
    ),
    parameters: model.parameterCount,
    inputs: model.graph.inputs.filter((value) => value.initializer === undefined).map(signature),
    outputs: model.graph.outputs.map(signature),
    subgraphs: [...model.graphs()].length - 1,
    nodes: [...operators.values()].reduce((sum, count) => sum + count, 0),
    operators: Object.fromEntries([...operators].sort(([, a], [, b]) => b - a)),
    macs: macsOf(run ? await countMacsInRun(model, name) : countMacs(model)),
    weights: typesOf(model),
    layers: layersOf(model),
    external: externalLocations(model).filter((location) => location !== itself),
    targets: placesOf(model),
  }
}

function macsOf(count: MacCount & Pick<Macs, 'ranOn'>): Macs {
  const byOperator = new Map<string, Amount[]>()
  for (const { operator, macs } of count.nodes)
    if (macs !== undefined) byOperator.set(operator, [...(byOperator.get(operator) ?? []), macs])
  const weight = (amounts: readonly Amount[]) => amounts.reduce((sum, { factor }) => sum + factor, 0)
  return {
    total: count.total,
    operators: [...byOperator]
      .map(([operator, amounts]) => ({ operator, macs: sumAmounts(amounts) }))
      .sort((a, b) => weight(b.macs) - weight(a.macs)),
    uncounted: count.nodes.flatMap(({ node, operator, macs }) =>
      macs === undefined ? [{ node: node.label, operator }] : [],
    ),
    ...(count.ranOn && { ranOn: count.ranOn }),
  }
}

function signature({ name, type }: Value): Signature {
  if (type === undefined) return { name, type: 'unknown' }
  if (type.kind !== 'tensor' && type.kind !== 'sparse-tensor') return { name, type: type.kind }
  const shape = type.shape?.map((length) => length ?? null)
  return { name, type: type.dataType, ...(shape && { shape }) }
}

function placesOf(model: Model): Place[] {
  return [...targets.values()].flatMap((target) =>
    variantsOf(target).map(({ requires }): Place => {
      const nodes = unsupported(model, target, { requires })
      const runs = nodes.every(({ outcome }) => outcome === 'cpu')
      return { target: target.name, provider: target.provider, requires, runs, nodes }
    }),
  )
}
