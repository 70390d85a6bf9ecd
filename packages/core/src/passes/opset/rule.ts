import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { toFloat16 } from '../../kernels/float16'
import type { DataType } from '../../onnx/data-types'
import { dataTypeOf } from '../types/infer'

/** What one operator needs when the opset rises to a version that changed it. */
export interface OpsetRule {
  readonly operator: string
  /** The version that brought the change. */
  readonly at: number
  /** Why this node can't be raised; looked at for all nodes before anything is changed. */
  refuse?(node: Node, model: Model): string | undefined
  apply?(node: Node, model: Model): void
}

/** One rule for each of the operators, given as words. */
export function forEach(operators: string, rule: Omit<OpsetRule, 'operator'>): OpsetRule[] {
  return operators.split(' ').map((operator) => ({ ...rule, operator }))
}

/** A small constant in the node's graph, named after the node's output. */
export function addConstant(node: Node, suffix: string, tensor: Tensor): Value {
  const base = node.outputs.find((value) => value !== undefined)?.name ?? node.opType
  return node.graph.addInitializer(node.graph.uniqueName(`${base}_${suffix}`), tensor)
}

/** Moves an integer attribute to an input, as a vector of int64; where it is absent, so is the input. */
export function intsToInput(node: Node, attribute: string, index: number): void {
  const values = node.attribute(attribute)?.type === 'int' ? [node.int(attribute, 0)] : node.ints(attribute)
  if (values === undefined) return
  node.removeAttribute(attribute)
  node.setInput(index, addConstant(node, attribute, Tensor.of('int64', [values.length], values)))
}

/** Moves a float attribute to an input of the type that the node computes in. */
export function floatToInput(node: Node, attribute: string, index: number, dataType: DataType): void {
  const value = node.float(attribute)
  if (value === undefined) return
  node.removeAttribute(attribute)
  node.setInput(index, addConstant(node, attribute, scalar(dataType, value)))
}

function scalar(dataType: DataType, value: number): Tensor {
  if (dataType !== 'float16') return Tensor.of(dataType, [], [value])
  return Tensor.fromBytes('float16', [], new Uint8Array(toFloat16(Float32Array.of(value)).buffer))
}

/** Type of the first input; float32 where nothing tells otherwise and the model has no other floats. */
export function floatTypeOf(node: Node, model: Model): DataType | undefined {
  const [input] = node.inputs
  return (input && dataTypeOf(input)) ?? (onlyFloat32(model) ? 'float32' : undefined)
}

function onlyFloat32(model: Model): boolean {
  const other = (type: DataType | undefined) =>
    type === 'float16' || type === 'float64' || type === 'bfloat16'
  for (const graph of model.graphs()) {
    for (const value of graph.values()) if (other(dataTypeOf(value, 1))) return false
  }
  return true
}
