import { edited, type Message } from '../onnx/message'
import type { Attribute } from './attribute'
import type { Graph } from './graph'

/** A function of the model: an operator made of operators. Its body knows no outer scope. */
export class FunctionDef {
  readonly domain: string
  readonly name: string
  readonly overload: string
  /** Domain -> version of the operators in the body; '' is ONNX's own. Free to be changed. */
  readonly opsetImports: Map<string, number>
  /** Names of the attributes without a default. */
  readonly attributes: readonly string[]
  /** Attributes with a default, and the default. */
  readonly attributeDefaults: readonly Attribute[]
  /** Inputs and outputs of the body are the function's; few files give them types. */
  readonly body: Graph
  /** @internal */
  _message: Message<'FunctionProto'>

  /** @internal */
  constructor(
    message: Message<'FunctionProto'>,
    opsetImports: Map<string, number>,
    attributeDefaults: readonly Attribute[],
    body: Graph,
  ) {
    this._message = message
    this.attributeDefaults = attributeDefaults
    this.domain = message.domain === 'ai.onnx' ? '' : (message.domain ?? '')
    this.name = message.name ?? ''
    this.overload = message.overload ?? ''
    this.attributes = message.attribute ?? []
    this.opsetImports = opsetImports
    this.body = body
  }

  get docString(): string {
    return this._message.doc_string ?? ''
  }

  set docString(text: string) {
    this._message = edited<'FunctionProto'>(this._message, { doc_string: text === '' ? undefined : text })
  }
}
