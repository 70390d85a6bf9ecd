import * as errors from '../errors'
import type { Graph } from './graph'
import { Value } from './value'

/** The values of one graph by name. A name resolves here first, then in the graphs around. */
export class Scope {
  readonly #graph: Graph
  readonly #values = new Map<string, Value>()

  constructor(graph: Graph) {
    this.#graph = graph
  }

  values(): Iterable<Value> {
    return this.#values.values()
  }

  own(name: string): Value | undefined {
    return this.#values.get(name)
  }

  find(name: string): Value | undefined {
    for (let graph: Graph | undefined = this.#graph; graph !== undefined; graph = graph.parent) {
      const value = graph._scope.#values.get(name)
      if (value !== undefined) return value
    }
    return undefined
  }

  /** A new value, as a file has it: it may hide one of an outer graph that is captured before. */
  declare(name: string): Value {
    if (name === '') throw errors.missingName('A value', this.#graph.name)
    if (this.#values.has(name)) throw errors.duplicateName('The value', name, this.#graph.name)
    const value = new Value(this.#graph, name)
    this.#values.set(name, value)
    this.#graph.model._names.add(name)
    return value
  }

  /** A new value, of an edit. */
  create(name: string): Value {
    this.assertNew(name)
    return this.declare(name)
  }

  /** The name may be given to a value here: none has it, and it hides nothing that this graph or one inside captures. */
  assertNew(name: string): void {
    const graph = this.#graph
    if (name === '') throw errors.missingName('A value', graph.name)
    if (this.#values.has(name)) throw errors.duplicateName('The value', name, graph.name)
    this.#assertHidesNothing(name)
  }

  forget({ name }: Value): void {
    this.#values.delete(name)
    this.#graph.model._names.remove(name)
  }

  /** Moves a value to another name, if its uses will find it there and no other use will. */
  rename(value: Value, name: string): void {
    const graph = this.#graph
    this.assertNew(name)
    for (const { node } of value._uses) {
      const found = node.graph.find(name)
      if (found !== undefined && graph.encloses(found.graph)) {
        throw errors.invalidEdit(`${errors.quote(name)} would be hidden where it is used`)
      }
    }
    this.forget(value)
    this.#values.set(name, value)
    graph.model._names.add(name)
  }

  assertVisible(value: Value): void {
    const found = this.find(value.name)
    if (found === value) return
    const hidden = found !== undefined && value.graph.encloses(this.#graph)
    const why = hidden ? 'is hidden by another value of its name' : 'is not in scope'
    throw errors.invalidEdit(`${errors.quote(value.name)} ${why} in graph ${errors.quote(this.#graph.name)}`)
  }

  /** Takes the names out of the model's, with the graph, or puts them back. */
  connect(connected: boolean): void {
    const { _names: names } = this.#graph.model
    for (const name of this.#values.keys()) {
      if (connected) names.add(name)
      else names.remove(name)
    }
  }

  #assertHidesNothing(name: string): void {
    const outer = this.#graph.parent?.find(name)
    if (outer === undefined) return
    const captured =
      [...outer._uses].some(({ node }) => this.#graph.encloses(node.graph)) ||
      outer._outputOf.some((graph) => this.#graph.encloses(graph))
    if (captured)
      throw errors.invalidEdit(
        `${errors.quote(name)} would hide a value that ${errors.quote(this.#graph.name)} captures`,
      )
  }
}
