import { edited, type Message, type MessageName, type MessageType, messageTypes } from '../onnx/message'
import { type ExternalLocation, externalLocation } from './external'
import { defaultLimits } from './limits'
import type { Model } from './model'
import { Tensor } from './tensor'

/**
 * Training graphs are kept as messages: no pass edits them, and what they read of the main graph is matched by name.
 * Their tensors may lie in external files like any other.
 */
export function trainingLocations({ _message: { training_info = [] } }: Model): ExternalLocation[] {
  const found: ExternalLocation[] = []
  for (const each of training_info) {
    replaceTensors(messageTypes.TrainingInfoProto, each, (tensor) => {
      const location = externalLocation(tensor)
      if (location !== undefined) found.push(location)
      return tensor
    })
  }
  return found
}

/** Training graphs with their external data read in; the same list where there is none. */
export function embedTraining(model: Model): Message<'ModelProto'>['training_info'] {
  const { training_info } = model._message
  if (training_info === undefined || trainingLocations(model).length === 0) return training_info
  return training_info.map((each) =>
    replaceTensors(messageTypes.TrainingInfoProto, each, (message) => {
      if (externalLocation(message) === undefined) return message
      const tensor = Tensor.fromMessage(message, model._open, defaultLimits.tensorBytes)
      return edited<'TensorProto'>(message, {
        raw_data: tensor.bytes(),
        external_data: undefined,
        data_location: undefined,
      })
    }),
  )
}

/** A copy with other tensors, however deep; the message itself where none changed. */
function replaceTensors<Name extends MessageName>(
  type: MessageType,
  message: Message<Name>,
  change: (tensor: Message<'TensorProto'>) => Message<'TensorProto'>,
): Message<Name> {
  if (type.name === 'TensorProto') return change(message as Message<'TensorProto'>) as Message<Name>
  const changes: Record<string, unknown> = {}
  for (const { name, message: inner, label } of type.fields) {
    const value = (message as Readonly<Record<string, unknown>>)[name]
    if (inner === undefined || value === undefined) continue
    const before = (label === 'repeated' ? value : [value]) as readonly Message<MessageName>[]
    const after = before.map((each) => replaceTensors(inner, each, change))
    if (after.some((each, i) => each !== before[i])) changes[name] = label === 'repeated' ? after : after[0]
  }
  return Object.keys(changes).length === 0 ? message : edited(message, changes as Message<Name>)
}
