import { edited, type Message } from '../onnx/message'
import type { Graph } from './graph'
import type { Value } from './value'

type ValueInfo = Message<'ValueInfoProto'>

export interface Output {
  readonly value: Value
  /** The entry in the signature: name, type, doc string. */
  readonly info: ValueInfo
}

/** The outputs of a graph. A value may stand in several places, and may be one of an outer graph. */
export class Outputs {
  readonly #graph: Graph
  readonly #list: Output[] = []
  /** First place of a value. */
  #places: Map<Value, number> | undefined

  constructor(graph: Graph) {
    this.#graph = graph
  }

  get list(): readonly Output[] {
    return this.#list
  }

  add(value: Value, info: ValueInfo, index = this.#list.length): void {
    value._outputOf.push(this.#graph)
    this.#list.splice(index, 0, { value, info })
    this.#places = undefined
  }

  /** Puts another value in a place; the entry keeps all but name and, where the value's is known, type. */
  replace(place: number, { value: before, info }: Output, value: Value): void {
    before._removeOutputOf(this.#graph)
    value._outputOf.push(this.#graph)
    const type = value._inputInfo?.type ?? value._info?.type ?? info.type
    this.#list[place] = { value, info: edited<'ValueInfoProto'>(info, { name: value.name, type }) }
    this.#places = undefined
  }

  infoOf(value: Value): ValueInfo | undefined {
    this.#places ??= new Map(this.#list.map((output, place) => [output.value, place] as const).reverse())
    return this.#list[this.#places.get(value) ?? -1]?.info
  }

  /** Changes all entries of a value. */
  edit(value: Value, change: (info: ValueInfo) => ValueInfo): void {
    this.#list.forEach((output, place) => {
      if (output.value === value) this.#list[place] = { value, info: change(output.info) }
    })
  }

  connect(connected: boolean): void {
    for (const { value } of this.#list) {
      if (connected) value._outputOf.push(this.#graph)
      else value._removeOutputOf(this.#graph)
    }
  }
}
