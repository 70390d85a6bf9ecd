import * as errors from '../errors'
import type { Message } from '../onnx/message'
import { decodeUtf8 } from '../wire/utf8'
import {
  type Attribute,
  type AttributeKind,
  type AttributeValue,
  attributeKinds,
  tensorsOf,
} from './attribute'
import type { Node } from './node'
import { markExternal, type ReadContext, readGraph } from './read'
import { sparseFromMessage } from './sparse-tensor'
import { Tensor } from './tensor'
import { typeFromMessage, type ValueType } from './value-type'

const kindByCode = new Map<number, AttributeKind>(
  (Object.keys(attributeKinds) as AttributeKind[]).map((kind) => [attributeKinds[kind][0], kind]),
)
const kinds = [...kindByCode.values()]

/** Before IR version 2 there was no type: it follows from the field that is there. */
function kindOf(message: Message<'AttributeProto'>): AttributeKind | undefined {
  if (message.type !== undefined && message.type !== 0) return kindByCode.get(message.type)
  return kinds.find((kind) => message[attributeKinds[kind][1]] !== undefined)
}

/** @internal */
export function readAttribute(
  message: Message<'AttributeProto'>,
  node: Node,
  context: ReadContext,
): Attribute {
  const { name = '' } = message
  const attribute = { ...attributeValue(message, name, node, context), name, _message: message }
  if (tensorsOf(attribute).some(({ external }) => external !== undefined)) {
    node._hasExternal = true
    markExternal(node.graph)
  }
  return attribute
}

function attributeValue(
  message: Message<'AttributeProto'>,
  name: string,
  node: Node,
  context: ReadContext,
): AttributeValue {
  const { open, limits } = context
  const kind = kindOf(message)
  if (message.ref_attr_name !== undefined && message.ref_attr_name !== '') {
    return { type: 'reference', value: message.ref_attr_name, of: kind }
  }
  const tensor = (each: Message<'TensorProto'>) => Tensor.fromMessage(each, open, limits.tensorBytes)
  const sparse = (each: Message<'SparseTensorProto'>) => sparseFromMessage(each, open, limits.tensorBytes)
  const graph = (each: Message<'GraphProto'>) => readGraph(each, node, context)
  const type = (each: Message<'TypeProto'>): ValueType =>
    typeFromMessage(each) ?? { kind: 'tensor', dataType: 'undefined' }
  /** The one field that the kind says must be there; numbers and strings may leave their zero out. */
  const needed = <T>(value: T | undefined): T => {
    if (value === undefined) throw errors.invalidAttribute(name, node.label, `is ${kind} and has no value`)
    return value
  }
  switch (kind) {
    case 'float':
      return { type: kind, value: message.f ?? 0 }
    case 'int':
      return { type: kind, value: message.i ?? 0 }
    case 'string':
      return { type: kind, value: text(message.s ?? new Uint8Array()) }
    case 'tensor':
      return { type: kind, value: tensor(needed(message.t)) }
    case 'graph':
      return { type: kind, value: graph(needed(message.g)) }
    case 'sparse-tensor':
      return { type: kind, value: sparse(needed(message.sparse_tensor)) }
    case 'type':
      return { type: kind, value: type(needed(message.tp)) }
    case 'floats':
      return { type: kind, value: message.floats ?? [] }
    case 'ints':
      return { type: kind, value: message.ints ?? [] }
    case 'strings':
      return { type: kind, value: (message.strings ?? []).map(text) }
    case 'tensors':
      return { type: kind, value: (message.tensors ?? []).map(tensor) }
    case 'graphs':
      return { type: kind, value: (message.graphs ?? []).map(graph) }
    case 'sparse-tensors':
      return { type: kind, value: (message.sparse_tensors ?? []).map(sparse) }
    case 'types':
      return { type: kind, value: (message.type_protos ?? []).map(type) }
    case undefined:
      return { type: 'unknown', value: undefined }
  }
}

const text = (bytes: Uint8Array): string => decodeUtf8(bytes, 0, bytes.length)
