import type { Message } from '../onnx/message'
import type { Int64 } from '../wire/wire-type'
import type { Graph } from './graph'
import type { SparseTensor } from './sparse-tensor'
import type { Tensor } from './tensor'
import type { ValueType } from './value-type'

/** kind -> AttributeProto.AttributeType, and the field that holds the value. */
export const attributeKinds = {
  float: [1, 'f'],
  int: [2, 'i'],
  string: [3, 's'],
  tensor: [4, 't'],
  graph: [5, 'g'],
  floats: [6, 'floats'],
  ints: [7, 'ints'],
  strings: [8, 'strings'],
  tensors: [9, 'tensors'],
  graphs: [10, 'graphs'],
  'sparse-tensor': [11, 'sparse_tensor'],
  'sparse-tensors': [12, 'sparse_tensors'],
  type: [13, 'tp'],
  types: [14, 'type_protos'],
} as const

export type AttributeKind = keyof typeof attributeKinds

/** The value of a node's attribute, by what it is. Integers are exact: bigint where a number isn't safe. */
export type AttributeValue =
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'int'; readonly value: Int64 }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'graph'; readonly value: Graph }
  | { readonly type: 'sparse-tensor'; readonly value: SparseTensor }
  | { readonly type: 'type'; readonly value: ValueType }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'ints'; readonly value: readonly Int64[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly type: 'graphs'; readonly value: readonly Graph[] }
  | { readonly type: 'sparse-tensors'; readonly value: readonly SparseTensor[] }
  | { readonly type: 'types'; readonly value: readonly ValueType[] }
  /** In the body of a function: the value of the function's attribute of this name. */
  | { readonly type: 'reference'; readonly value: string; readonly of: AttributeKind | undefined }
  /** Of a kind that onnx.proto 1.22 doesn't have, or without a value; it is written back as it was. */
  | { readonly type: 'unknown'; readonly value: undefined }

export type Attribute = AttributeValue & {
  readonly name: string
  /** @internal What the file said; absent for attributes that were set. */
  readonly _message?: Message<'AttributeProto'>
}

/** Graphs inside an attribute. */
export function graphsOf(attribute: AttributeValue): readonly Graph[] {
  if (attribute.type === 'graph') return [attribute.value]
  return attribute.type === 'graphs' ? attribute.value : []
}

/** Tensors inside an attribute, those of its graphs left aside. */
export function tensorsOf(attribute: AttributeValue): readonly Tensor[] {
  switch (attribute.type) {
    case 'tensor':
      return [attribute.value]
    case 'tensors':
      return attribute.value
    case 'sparse-tensor':
      return [attribute.value.values, attribute.value.indices]
    case 'sparse-tensors':
      return attribute.value.flatMap(({ values, indices }) => [values, indices])
    default:
      return []
  }
}
