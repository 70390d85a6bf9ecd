import { edited, type Message } from '../onnx/message'
import type { Graph } from './graph'

/** A function of the model: an operator made of operators. Its body knows no outer scope. */
export class FunctionDef {
  readonly domain: string
  readonly name: string
  readonly overload: string
  readonly opsetImports: ReadonlyMap<string, number>
  /** Names of attributes without a default; those with one are in `attributeDefaults` of the body's message. */
  readonly attributes: readonly string[]
  /** Inputs and outputs of the body are the function's; few files give them types. */
  readonly body: Graph
  /** @internal */
  _message: Message<'FunctionProto'>

  /** @internal */
  constructor(message: Message<'FunctionProto'>, opsetImports: ReadonlyMap<string, number>, body: Graph) {
    this._message = message
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
