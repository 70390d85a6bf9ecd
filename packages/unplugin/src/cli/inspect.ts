import { externalLocations, type Graph, type Model, printModel, type Value } from '@unplugin-onnx/core'
import { Command } from 'commander'
import { withModel } from './model-file'
import { print } from './report'
import { bytes as shown } from './units'

interface Flags {
  readonly graph?: true
  readonly json?: true
}

export const inspectCommand = (): Command =>
  new Command('inspect')
    .description('say what a model is made of')
    .argument('<model>', 'the .onnx file')
    .option('-g, --graph', 'print the whole graph, in the textual syntax of ONNX')
    .option('--json', 'print JSON')
    .action(async (file: string, flags: Flags) => {
      await withModel(file, async (model, bytes) => {
        if (flags.graph) process.stdout.write(`${printModel(model)}\n`)
        else if (flags.json) print(summaryOf(model, bytes))
        else process.stdout.write(textOf(summaryOf(model, bytes)))
      })
    })

/** Weights of one element type. */
interface Weights {
  readonly type: string
  readonly tensors: number
  readonly bytes: number
}

export interface ModelSummary {
  readonly bytes: number
  readonly irVersion: number
  readonly producer: string
  readonly opsets: Readonly<Record<string, number>>
  readonly parameters: number
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Graphs inside of nodes (If, Loop, Scan). */
  readonly subgraphs: number
  readonly nodes: number
  /** Nodes by operator, the most frequent first; subgraphs included. */
  readonly operators: Readonly<Record<string, number>>
  /** By element type, the largest first. */
  readonly weights: readonly Weights[]
  readonly external: readonly string[]
}

export function summaryOf(model: Model, bytes: number): ModelSummary {
  const operators = new Map<string, number>()
  for (const { opType, domain } of model.nodes()) {
    const operator = domain === '' ? opType : `${domain}.${opType}`
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
    weights: weightsOf(model),
    external: externalLocations(model),
  }
}

/** Initializers and the tensors of Constant nodes: exporters put weights into either. */
function weightsOf(model: Model): Weights[] {
  const byType = new Map<string, Weights>()
  const add = (type: string, bytes: number) => {
    const before = byType.get(type) ?? { type, tensors: 0, bytes: 0 }
    byType.set(type, { type, tensors: before.tensors + 1, bytes: before.bytes + bytes })
  }
  for (const graph of model.graphs()) for (const [type, bytes] of tensorsOf(graph)) add(type, bytes)
  return [...byType.values()].sort((a, b) => b.bytes - a.bytes)
}

function* tensorsOf(graph: Graph): Iterable<[type: string, bytes: number]> {
  for (const { initializer } of graph.initializers()) {
    if (initializer) yield [initializer.dataType, initializer.byteLength]
  }
  for (const node of graph.nodes) {
    const tensor = node.opType === 'Constant' ? node.tensor('value') : undefined
    if (tensor) yield [tensor.dataType, tensor.byteLength]
  }
}

function signature({ name, type }: Value): string {
  if (type === undefined) return name
  if (type.kind !== 'tensor' && type.kind !== 'sparse-tensor') return `${name}: ${type.kind}`
  const shape = type.shape?.map((dim) => dim ?? '?').join(', ')
  return `${name}: ${type.dataType}${shape === undefined ? '' : `[${shape}]`}`
}

function textOf(summary: ModelSummary): string {
  const rows: [string, string][] = [
    ['size', shown(summary.bytes)],
    ['producer', summary.producer || 'unknown'],
    ['IR version', String(summary.irVersion)],
    [
      'opsets',
      Object.entries(summary.opsets)
        .map(([domain, version]) => `${domain} ${version}`)
        .join(', '),
    ],
    ['parameters', summary.parameters.toLocaleString('en')],
    ...summary.inputs.map((input): [string, string] => ['input', input]),
    ...summary.outputs.map((output): [string, string] => ['output', output]),
    ['nodes', `${summary.nodes}${summary.subgraphs > 0 ? ` in ${summary.subgraphs + 1} graphs` : ''}`],
    [
      'operators',
      Object.entries(summary.operators)
        .map(([operator, count]) => `${operator} ${count}`)
        .join(', '),
    ],
    ...summary.weights.map(({ type, tensors, bytes }): [string, string] => [
      'weights',
      `${type} ${shown(bytes)} in ${tensors} tensors`,
    ]),
    ...summary.external.map((location): [string, string] => ['external data', location]),
  ]
  return rows.map(([label, text]) => `${label.padEnd(14)}${text}\n`).join('')
}
