import type { Message } from '../onnx/message'
import { encodeUtf8 } from '../wire/utf8'
import { type Attribute, attributeKinds } from './attribute'
import { messageFromType } from './value-type'

/** The message of an attribute that was set; tensors and graphs are written by their own writers. */
export function attributeMessage(attribute: Attribute): Message<'AttributeProto'> {
  const { name } = attribute
  switch (attribute.type) {
    case 'unknown':
      return { name }
    case 'reference':
      return {
        name,
        ref_attr_name: attribute.value,
        ...(attribute.of && { type: attributeKinds[attribute.of][0] }),
      }
    case 'string':
      return { name, type: attributeKinds.string[0], s: encodeUtf8(attribute.value) }
    case 'strings':
      return { name, type: attributeKinds.strings[0], strings: attribute.value.map(encodeUtf8) }
    case 'type':
      return { name, type: attributeKinds.type[0], tp: messageFromType(attribute.value) }
    case 'types':
      return { name, type: attributeKinds.types[0], type_protos: attribute.value.map(messageFromType) }
    case 'float':
      return { name, type: attributeKinds.float[0], f: attribute.value }
    case 'floats':
      return { name, type: attributeKinds.floats[0], floats: attribute.value }
    case 'int':
      return { name, type: attributeKinds.int[0], i: attribute.value }
    case 'ints':
      return { name, type: attributeKinds.ints[0], ints: attribute.value }
    default:
      return { name, type: attributeKinds[attribute.type][0] }
  }
}
