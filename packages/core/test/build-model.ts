/** Small models for the tests of passes, made through the graph API and read back from their bytes. */
import { Graph } from '../src/graph/graph'
import {
  applyPasses,
  encodeModel,
  Model,
  type Node,
  readModel,
  type StepResult,
  Tensor,
  type Value,
  type ValueType,
} from '../src/index'

export const tensorType = (
  dataType: 'float32' | 'int64' | 'bool' | 'float64',
  ...shape: (number | string)[]
): ValueType => ({
  kind: 'tensor',
  dataType,
  shape,
})

export const floats = (dims: readonly number[], data: Float32Array | readonly number[]): Tensor =>
  Tensor.fromBytes('float32', dims, new Uint8Array(Float32Array.from(data).buffer))

export const ints = (...values: number[]): Tensor => Tensor.of('int64', [values.length], values)

/** Adds a node with one output, and gives that. */
export function add(
  graph: Graph,
  opType: string,
  inputs: readonly (Value | undefined)[],
  output: string,
  attributes: Parameters<Graph['addNode']>[0]['attributes'] = {},
): Value {
  const node = graph.addNode({ opType, inputs, outputs: [output], attributes, name: `${output}_node` })
  return node.outputs[0]!
}

export const int = (value: number) => ({ type: 'int', value }) as const
export const intList = (...value: number[]) => ({ type: 'ints', value }) as const

/** A model read from bytes, so that what passes do not touch has bytes of its own. */
export function build(
  opset: number,
  inputs: Readonly<Record<string, ValueType>>,
  fill: (graph: Graph, input: (name: string) => Value) => void,
  irVersion = 8,
): Model {
  const model = Model.create({ opsetImports: { '': opset }, irVersion, name: 'test', inputs })
  fill(model.graph, (name) => model.graph.find(name)!)
  return readModel(encodeModel(model))
}

/** Puts a graph into an attribute of a node; `fill` makes its nodes, may read what is around, and gives the outputs. */
export function body(node: Node, attribute: string, fill: (graph: Graph) => readonly Value[]): void {
  const graph = new Graph(node.graph.model, node, { name: attribute })
  for (const output of fill(graph)) graph.addOutput(output)
  node.setAttribute(attribute, { type: 'graph', value: graph })
}

/** Runs one pass with options, and checks that the model reads back. */
export async function run(
  model: Model,
  pass: string,
  options: Record<string, unknown> = {},
): Promise<StepResult> {
  const [result] = await applyPasses(model, [{ pass, options }])
  readModel(encodeModel(model))
  return result!
}
