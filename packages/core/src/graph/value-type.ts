import * as errors from '../errors'
import { type DataType, dataTypeInfo, dataTypeOfCode } from '../onnx/data-types'
import type { Message } from '../onnx/message'

/** A fixed size, the name of a symbolic one, or undefined where nothing is known. */
export type Dimension = number | string | undefined

/** The type of a value. A shape that is absent means that not even the rank is known. */
export type ValueType = (
  | {
      readonly kind: 'tensor' | 'sparse-tensor'
      readonly dataType: DataType
      readonly shape?: readonly Dimension[]
    }
  | { readonly kind: 'sequence' | 'optional'; readonly element: ValueType }
  | { readonly kind: 'map'; readonly key: DataType; readonly value: ValueType }
  | { readonly kind: 'opaque'; readonly domain: string; readonly name: string }
) & {
  /** Standard meaning of the value, such as "IMAGE". */
  readonly denotation?: string
}

const unknownTensor: ValueType = { kind: 'tensor', dataType: 'undefined' }

function shapeFromMessage(shape: Message<'TensorShapeProto'>): Dimension[] {
  return (shape.dim ?? []).map(({ dim_value, dim_param }) => {
    if (typeof dim_value === 'bigint') throw errors.unsafeInteger('A dimension', dim_value)
    return dim_value ?? (dim_param === '' ? undefined : dim_param)
  })
}

/** @returns undefined for a type that says nothing, or a kind that onnx.proto 1.22 doesn't have */
export function typeFromMessage(message: Message<'TypeProto'>): ValueType | undefined {
  const { tensor_type, sparse_tensor_type, sequence_type, optional_type, map_type, opaque_type, denotation } =
    message
  const named = denotation === undefined || denotation === '' ? {} : { denotation }
  const tensor = tensor_type ?? sparse_tensor_type
  if (tensor !== undefined) {
    return {
      kind: tensor_type === undefined ? 'sparse-tensor' : 'tensor',
      dataType: dataTypeOfCode(tensor.elem_type ?? 0),
      ...(tensor.shape === undefined ? {} : { shape: shapeFromMessage(tensor.shape) }),
      ...named,
    }
  }
  const container = sequence_type ?? optional_type
  if (container !== undefined) {
    const element = (container.elem_type && typeFromMessage(container.elem_type)) ?? unknownTensor
    return { kind: sequence_type === undefined ? 'optional' : 'sequence', element, ...named }
  }
  if (map_type !== undefined) {
    const value = (map_type.value_type && typeFromMessage(map_type.value_type)) ?? unknownTensor
    return { kind: 'map', key: dataTypeOfCode(map_type.key_type ?? 0), value, ...named }
  }
  if (opaque_type !== undefined) {
    return { kind: 'opaque', domain: opaque_type.domain ?? '', name: opaque_type.name ?? '', ...named }
  }
  return undefined
}

export function messageFromType(type: ValueType): Message<'TypeProto'> {
  const named = type.denotation === undefined ? {} : { denotation: type.denotation }
  switch (type.kind) {
    case 'tensor':
    case 'sparse-tensor': {
      const tensor = {
        elem_type: dataTypeInfo(type.dataType).code,
        ...(type.shape === undefined ? {} : { shape: { dim: type.shape.map(dimensionToMessage) } }),
      }
      return type.kind === 'tensor'
        ? { tensor_type: tensor, ...named }
        : { sparse_tensor_type: tensor, ...named }
    }
    case 'sequence':
      return { sequence_type: { elem_type: messageFromType(type.element) }, ...named }
    case 'optional':
      return { optional_type: { elem_type: messageFromType(type.element) }, ...named }
    case 'map':
      return {
        map_type: { key_type: dataTypeInfo(type.key).code, value_type: messageFromType(type.value) },
        ...named,
      }
    case 'opaque':
      return { opaque_type: { domain: type.domain, name: type.name }, ...named }
  }
}

function dimensionToMessage(dimension: Dimension): Message<'TensorShapeProto_Dimension'> {
  if (typeof dimension === 'number') return { dim_value: dimension }
  return dimension === undefined ? {} : { dim_param: dimension }
}
