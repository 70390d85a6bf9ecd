import type { AttributeValue } from '../../graph/attribute'
import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { toFloat16 } from '../../kernels/float16'
import type { DataType } from '../../onnx/data-types'
import { dataTypeOf } from '../types/infer'

/** One raise of a model. */
export interface Upgrade {
  readonly model: Model
  /** Where the opset goes in the end. */
  readonly to: number
  /** Element types of the values that were there before. */
  readonly types: ReadonlyMap<Value, DataType | undefined>
}

/** What one operator needs when the opset rises to a version that changed it. */
export interface OpsetRule {
  readonly operator: string
  /** The version that brought the change. */
  readonly at: number
  /** Why this node can't be raised; looked at for all nodes before anything is changed. */
  refuse?(node: Node, upgrade: Upgrade): string | undefined
  apply?(node: Node, upgrade: Upgrade): void
}

/** One rule for each of the operators, given as words. */
export function forEach(operators: string, rule: Omit<OpsetRule, 'operator'>): OpsetRule[] {
  return operators.split(' ').map((operator) => ({ ...rule, operator }))
}

export const text = (value: string): AttributeValue => ({ type: 'string', value })
export const integer = (value: number): AttributeValue => ({ type: 'int', value })

const nameFor = (node: Node, suffix: string): string => {
  const base = node.outputs.find((value) => value !== undefined)?.name ?? node.opType
  return node.graph.uniqueName(`${base}_${suffix}`)
}

/** A small constant in the node's graph, named after the node's output. The body of a function has no initializers. */
export function addConstant(node: Node, suffix: string, tensor: Tensor): Value {
  const { graph } = node
  if (!graph.model.functions.some(({ body }) => body === graph))
    return graph.addInitializer(nameFor(node, suffix), tensor)
  return addBefore(node, 'Constant', [], suffix, { value: { type: 'tensor', value: tensor } })
}

export const int64 = (values: readonly (number | bigint)[]): Tensor =>
  Tensor.of('int64', [values.length], values)

/** A scalar where no dimensions are given. */
export function floatTensor(
  dataType: DataType,
  values: readonly number[],
  dims: readonly number[] = [],
): Tensor {
  if (dataType !== 'float16') return Tensor.of(dataType, dims, values)
  return Tensor.fromBytes(dataType, dims, new Uint8Array(toFloat16(Float32Array.from(values)).buffer))
}

/** Adds a node with one output in front of another, named after that one's output. */
export function addBefore(
  node: Node,
  opType: string,
  inputs: readonly (Value | undefined)[],
  suffix: string,
  attributes: Readonly<Record<string, AttributeValue>> = {},
): Value {
  const spec = { opType, inputs, outputs: [nameFor(node, suffix)], attributes }
  const [output] = node.graph.addNode(spec, { before: node }).outputs
  return output as Value
}

/** Puts a node of another operator in the node's place. */
export function replaceBy(
  node: Node,
  opType: string,
  inputs: readonly (Value | undefined)[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
): Node {
  return node.graph.replaceNode(node, { opType, name: node.name, inputs, attributes })
}

/** Moves an integer attribute to an input, as a vector of int64; where it is absent, so is the input. */
export function intsToInput(node: Node, name: string, index: number): void {
  const attribute = node.attribute(name)
  // Beyond 2^53 lie the ends that exporters write for "up to the end".
  const values =
    attribute?.type === 'int' ? [attribute.value] : attribute?.type === 'ints' ? attribute.value : undefined
  if (values === undefined) return
  node.removeAttribute(name)
  node.setInput(index, addConstant(node, name, int64(values)))
}

/** Moves a float attribute to an input of the type that the node computes in. */
export function floatToInput(node: Node, attribute: string, index: number, dataType: DataType): void {
  const value = node.float(attribute)
  if (value === undefined) return
  node.removeAttribute(attribute)
  node.setInput(index, addConstant(node, attribute, floatTensor(dataType, [value])))
}

export const noFloatType = 'has an input of unknown type, which a new constant input would have to match'

/** Type of the first input; float32 where nothing tells otherwise and the model has no other floats. */
export function floatTypeOf(node: Node, { types }: Upgrade): DataType | undefined {
  const [input] = node.inputs
  if (input === undefined) return undefined
  return types.get(input) ?? dataTypeOf(input) ?? (onlyFloat32(types) ? 'float32' : undefined)
}

function onlyFloat32(types: Upgrade['types']): boolean {
  for (const type of types.values()) if (type && type !== 'float32' && /float/.test(type)) return false
  return true
}

/** Something reads an output of the node from this one on. */
export const outputsUsed = (node: Node, from: number): boolean =>
  node.outputs.slice(from).some((value) => value !== undefined && (value.isOutput || value.uses.length > 0))
