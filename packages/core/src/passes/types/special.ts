import type { Attribute } from '../../graph/attribute'
import type { Node } from '../../graph/node'
import type { Value } from '../../graph/value'
import type { ValueType } from '../../graph/value-type'
import type { DataType } from '../../onnx/data-types'
import { dataTypes } from '../../onnx/data-types'

/** What is known of a node's surroundings while its outputs are looked at. */
export interface Scene {
  typeOf(value: Value | undefined): ValueType | undefined
  /** An attribute, in the body of a function with the caller's value for it. */
  attribute(node: Node, name: string): Attribute | undefined
}

export const tensorOf = (dataType: DataType): ValueType => ({ kind: 'tensor', dataType })

const codes = new Map([...dataTypes.values()].map(({ code, name }) => [code, name]))

/** The type whose code stands in an attribute. */
export function typeOfCode(attribute: Attribute | undefined): ValueType | undefined {
  const name = attribute?.type === 'int' ? codes.get(Number(attribute.value)) : undefined
  return name === undefined || name === 'undefined' ? undefined : tensorOf(name)
}

type Special = (node: Node, output: number, scene: Scene) => ValueType | undefined

/** Forms in which a tensor stands in attributes: `keys_int64s`, `value_floats`, … */
const suffixes: readonly (readonly [RegExp, DataType])[] = [
  [/_(strings?)$/, 'string'],
  [/_(int64s?|ints?)$/, 'int64'],
  [/_(floats?)$/, 'float32'],
]

function typeOfSuffix(name: string): ValueType | undefined {
  const dataType = suffixes.find(([pattern]) => pattern.test(name))?.[1]
  return dataType && tensorOf(dataType)
}

function typeOfAttribute(attribute: Attribute | undefined): ValueType | undefined {
  if (attribute?.type === 'tensor') return tensorOf(attribute.value.dataType)
  if (attribute?.type === 'sparse-tensor') return tensorOf(attribute.value.values.dataType)
  return attribute && typeOfSuffix(attribute.name)
}

/** The labels of a classifier: strings where it has them, else integers. */
const classifier: Special = (node, output, { attribute }) => {
  if (output === 1) return tensorOf('float32')
  const strings = attribute(node, 'classlabels_strings') ?? attribute(node, 'classlabels_string')
  return tensorOf(strings?.type === 'strings' && strings.value.length > 0 ? 'string' : 'int64')
}

const element = (type: ValueType | undefined): ValueType | undefined =>
  type?.kind === 'sequence' || type?.kind === 'optional' ? type.element : undefined

const sequence = (of: ValueType | undefined): ValueType | undefined => of && { kind: 'sequence', element: of }

/** Labels that are mapped to others: strings to integers and back unless attributes say something else. */
const labelEncoder: Special = (node, _, { typeOf, attribute }) => {
  for (const each of node.attributes()) {
    if (each.name.startsWith('values_')) return typeOfAttribute(attribute(node, each.name))
  }
  const [input] = node.inputs
  const type = typeOf(input)
  if (type?.kind !== 'tensor') return undefined
  return tensorOf(type.dataType === 'string' ? 'int64' : 'string')
}

export const special: Readonly<Record<string, Special>> = {
  Constant: (node, _, { attribute }) => {
    const [first] = node.attributes()
    return first && typeOfAttribute(attribute(node, first.name))
  },
  ConstantOfShape: (node, _, { attribute }) =>
    typeOfAttribute(attribute(node, 'value')) ?? tensorOf('float32'),
  SequenceEmpty: (node, _, { attribute }) =>
    sequence(typeOfCode(attribute(node, 'dtype')) ?? tensorOf('float32')),
  SequenceConstruct: (node, _, { typeOf }) => sequence(typeOf(node.inputs[0])),
  SplitToSequence: (node, _, { typeOf }) => sequence(typeOf(node.inputs[0])),
  SequenceAt: (node, _, { typeOf }) => element(typeOf(node.inputs[0])),
  ConcatFromSequence: (node, _, { typeOf }) => element(typeOf(node.inputs[0])),
  Optional: (node, _, { typeOf, attribute }) => {
    const given = attribute(node, 'type')
    const inside = typeOf(node.inputs[0]) ?? (given?.type === 'type' ? given.value : undefined)
    return inside && { kind: 'optional', element: inside }
  },
  OptionalGetElement: (node, _, { typeOf }) => {
    const type = typeOf(node.inputs[0])
    return type?.kind === 'optional' ? type.element : type
  },
  'ai.onnx.ml.CastMap': (node, _, { attribute }) => {
    const to = attribute(node, 'cast_to')
    const names: Readonly<Record<string, DataType>> = { TO_STRING: 'string', TO_INT64: 'int64' }
    return tensorOf((to?.type === 'string' ? names[to.value] : undefined) ?? 'float32')
  },
  'ai.onnx.ml.CategoryMapper': labelEncoder,
  'ai.onnx.ml.LabelEncoder': labelEncoder,
  'ai.onnx.ml.LinearClassifier': classifier,
  'ai.onnx.ml.SVMClassifier': classifier,
  'ai.onnx.ml.TreeEnsembleClassifier': classifier,
  'ai.onnx.ml.DictVectorizer': (node, _, { typeOf }) => {
    const type = typeOf(node.inputs[0])
    return type?.kind === 'map' ? type.value : undefined
  },
  'ai.onnx.ml.ZipMap': (node, _, { attribute }) => {
    const strings = attribute(node, 'classlabels_strings')
    const key = strings?.type === 'strings' && strings.value.length > 0 ? 'string' : 'int64'
    return sequence({ kind: 'map', key, value: tensorOf('float32') })
  },
  If: (node, output, { typeOf }) => {
    for (const name of ['then_branch', 'else_branch']) {
      const type = typeOf(node.subgraph(name)?.outputs[output])
      if (type !== undefined) return type
    }
    return undefined
  },
  Loop: (node, output, { typeOf }) => {
    const states = Math.max(0, node.inputs.length - 2)
    // An optional state may be filled in the body.
    const made = typeOf(node.subgraph('body')?.outputs[output + 1])
    return made ?? (output < states ? typeOf(node.inputs[output + 2]) : undefined)
  },
  Scan: (node, output, { typeOf }) => typeOf(node.subgraph('body')?.outputs[output]),
  SequenceMap: (node, output, { typeOf }) => sequence(typeOf(node.subgraph('body')?.outputs[output])),
}

/** The types that a node gives to the inputs of the graphs inside. */
export function bodyInputs(node: Node, opset: number, { typeOf }: Scene): readonly (ValueType | undefined)[] {
  if (node.domain !== '') return []
  switch (node.opType) {
    case 'Loop':
      return [tensorOf('int64'), tensorOf('bool'), ...node.inputs.slice(2).map(typeOf)]
    case 'Scan':
      // Opset 8 has the lengths of sequences first.
      return node.inputs.slice(opset < 9 ? 1 : 0).map(typeOf)
    case 'SequenceMap':
      return node.inputs.map((input) => element(typeOf(input)) ?? typeOf(input))
    default:
      return []
  }
}
