import type { Node } from '../graph/node'
import type { Value } from '../graph/value'
import type { DataType } from '../onnx/data-types'
import { castTarget, constantOf, rankOf } from './facts'
import { dataTypeOf } from './types/infer'

/** The value whose content the first output of a node is for certain; undefined where the node does something. */
export function givenBack(node: Node, opset: number): Value | undefined {
  const [input] = node.inputs
  if (input === undefined || node.domain !== '') return undefined
  switch (node.opType) {
    case 'Identity':
      return input
    case 'Dropout':
      return drops(node, opset) ? undefined : input
    case 'Cast':
      return castBack(node, input)
    case 'Transpose':
      return transposedBack(node, input)
    case 'Concat':
    case 'Sum':
    case 'Max':
    case 'Min':
    case 'Mean':
      return node.inputs.length === 1 ? input : undefined
    case 'Pad':
      return padsNothing(node) ? input : undefined
    case 'Reshape':
      return keepsShape(node, input) ? input : undefined
    case 'Squeeze':
      return inverse(node, input, 'Unsqueeze')
    case 'Unsqueeze':
      return inverse(node, input, 'Squeeze')
    default:
      return undefined
  }
}

/** Opset 1 and 6 say is_test, 7 and 10 mean inference always, and 12 has an input for it, false by default. */
function drops(node: Node, opset: number): boolean {
  if (opset < 7) return node.int('is_test', 0) !== 1
  const training = node.inputs[2]
  return opset >= 12 && training !== undefined && constantOf(training)?.ints()[0] !== 0
}

/** What holds every value of a type exactly, and gives it back when it is cast back. */
const wider: Readonly<Partial<Record<DataType, readonly DataType[]>>> = {
  float16: ['float32', 'float64'],
  bfloat16: ['float32', 'float64'],
  float32: ['float64'],
  bool: [
    'int8',
    'uint8',
    'int16',
    'uint16',
    'int32',
    'uint32',
    'int64',
    'uint64',
    'float16',
    'float32',
    'float64',
  ],
  int8: ['int16', 'int32', 'int64', 'float16', 'float32', 'float64'],
  uint8: ['int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float16', 'float32', 'float64'],
  int16: ['int32', 'int64', 'float32', 'float64'],
  uint16: ['int32', 'uint32', 'int64', 'uint64', 'float32', 'float64'],
  int32: ['int64', 'float64'],
  uint32: ['int64', 'uint64', 'float64'],
}

function castBack(node: Node, input: Value): Value | undefined {
  const target = castTarget(node)
  const between = dataTypeOf(input)
  if (target === undefined || between === undefined) return undefined
  if (between === target) return input
  const before = input.producer?.opType === 'Cast' && input.producer.domain === '' && input.producer.inputs[0]
  if (!before || dataTypeOf(before) !== target) return undefined
  return wider[target]?.includes(between) ? before : undefined
}

function transposedBack(node: Node, input: Value): Value | undefined {
  const perm = node.ints('perm')
  if (perm?.every((axis, index) => axis === index)) return input
  const { producer } = input
  const [before] = producer?.inputs ?? []
  if (producer?.opType !== 'Transpose' || producer.domain !== '') return undefined
  const first = producer.ints('perm')
  // Without perm both turn the order around.
  if (first === undefined || perm === undefined) return first === perm ? before : undefined
  return perm.every((axis, index) => first[axis] === index) ? before : undefined
}

function padsNothing(node: Node): boolean {
  const pads = node.ints('pads') ?? constantOf(node.inputs[1])?.ints()
  return pads?.every((pad) => pad === 0) ?? false
}

/** Sizes that are copied, one that is left over, and such as are known to be there already. */
function keepsShape(node: Node, input: Value): boolean {
  const tensor = constantOf(node.inputs[1])
  if (tensor === undefined || tensor.dataType !== 'int64' || node.int('allowzero', 0) !== 0) return false
  const target = tensor.ints()
  if (target.length !== rankOf(input)) return false
  const { type } = input
  const shape = type?.kind === 'tensor' ? type.shape : undefined
  const leftOver = target.filter((size) => size === -1).length
  return leftOver <= 1 && target.every((size, axis) => size === 0 || size === -1 || size === shape?.[axis])
}

function inverse(node: Node, input: Value, opType: string): Value | undefined {
  const { producer } = input
  if (producer?.opType !== opType || producer.domain !== '') return undefined
  const [axes, before] = [axesOf(node), axesOf(producer)]
  // Counted from the end they mean something else before and after; without axes, all of size 1.
  if (axes === undefined || before === undefined || axes.some((axis) => axis < 0)) return undefined
  const same = axes.length === before.length && axes.every((axis) => before.includes(axis))
  return same ? producer.inputs[0] : undefined
}

/** An attribute before opset 13, an input since. */
const axesOf = (node: Node): readonly number[] | undefined =>
  node.ints('axes') ?? constantOf(node.inputs[1])?.ints()
