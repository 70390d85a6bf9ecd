import * as errors from '../errors'
import { edited, type Message } from '../onnx/message'
import type { Int64 } from '../wire/wire-type'
import { type Attribute, type AttributeKind, type AttributeValue, graphsOf } from './attribute'
import type { Graph } from './graph'
import { metadataEntries, metadataOf } from './metadata'
import type { Tensor } from './tensor'
import type { Use, Value } from './value'

type ValueByKind = { [Each in AttributeValue as Each['type']]: Each['value'] }

/** A call of an operator. Nodes are made by Graph.addNode. */
export class Node {
  readonly graph: Graph
  /** @internal Everything of the node but inputs, outputs and attributes. */
  _message: Message<'NodeProto'>
  /** @internal The node isn't what its bytes say, or something inside it isn't. */
  _dirty: boolean
  /** @internal Holds external tensors, in itself or in a graph inside. */
  _hasExternal = false
  /** @internal Neighbours in the graph's order. */
  _previous: Node | undefined
  /** @internal */
  _next: Node | undefined
  /** @internal Undefined once the node is removed. */
  _attached = true

  readonly #inputs: (Value | undefined)[] = []
  readonly #inputUses: (Use | undefined)[] = []
  #outputs: readonly (Value | undefined)[] = []
  readonly #attributes = new Map<string, Attribute>()

  /** @internal */
  constructor(graph: Graph, message: Message<'NodeProto'>) {
    this.graph = graph
    this._message = message
    this._dirty = message.span === undefined
  }

  get opType(): string {
    return this._message.op_type ?? ''
  }

  set opType(opType: string) {
    this.#edit({ op_type: opType })
  }

  /** '' for ONNX's own operators, which a file may also call "ai.onnx". */
  get domain(): string {
    const { domain = '' } = this._message
    return domain === 'ai.onnx' ? '' : domain
  }

  set domain(domain: string) {
    this.#edit({ domain: domain === '' ? undefined : domain })
  }

  /** Often absent, and then ''. */
  get name(): string {
    return this._message.name ?? ''
  }

  set name(name: string) {
    this.#edit({ name: name === '' ? undefined : name })
  }

  /** Which of several functions of this name is called. */
  get overload(): string {
    return this._message.overload ?? ''
  }

  get docString(): string {
    return this._message.doc_string ?? ''
  }

  set docString(text: string) {
    this.#edit({ doc_string: text === '' ? undefined : text })
  }

  /** metadata_props: exporters' notes, such as stack traces. */
  get metadata(): ReadonlyMap<string, string> {
    return metadataOf(this._message.metadata_props)
  }

  setMetadata(entries: Iterable<readonly [string, string]>): void {
    this.#edit({ metadata_props: metadataEntries(entries) })
  }

  /** For messages: the name, or the operator and what it makes. */
  get label(): string {
    if (this.name !== '') return this.name
    const output = this.#outputs.find((value) => value !== undefined)?.name
    return output === undefined ? this.opType : `${this.opType} -> ${output}`
  }

  /** Undefined where an optional input is left out. */
  get inputs(): readonly (Value | undefined)[] {
    return this.#inputs
  }

  /** Undefined where an optional output is left out. */
  get outputs(): readonly (Value | undefined)[] {
    return this.#outputs
  }

  /** @throws OnnxError where the value isn't in scope here, or hidden by another of its name */
  setInput(index: number, value: Value | undefined): void {
    if (value !== undefined) this.graph._scope.assertVisible(value)
    while (this.#inputs.length < index) this.#inputs.push(undefined)
    this._link(index, value)
    this._touch()
  }

  /** Cuts the inputs off after so many. */
  truncateInputs(length: number): void {
    if (length >= this.#inputs.length) return
    for (let index = length; index < this.#inputs.length; index++) this._link(index, undefined)
    this.#inputs.length = length
    this.#inputUses.length = length
    this._touch()
  }

  /** Cuts the outputs off after so many; nothing may use those. */
  truncateOutputs(length: number): void {
    const cut = this.#outputs.slice(length).filter((value) => value !== undefined)
    if (length >= this.#outputs.length) return
    const used = cut.find((value) => value.isOutput || value.uses.length > 0)
    if (used !== undefined)
      throw errors.invalidEdit(`${errors.quote(used.name)} is still used and can't be removed`)
    for (const value of cut) this.graph._scope.forget(value)
    this.#outputs = this.#outputs.slice(0, length)
    this._touch()
  }

  attributes(): Iterable<Attribute> {
    return this.#attributes.values()
  }

  attribute(name: string): Attribute | undefined {
    return this.#attributes.get(name)
  }

  /** Sets or replaces an attribute. A graph is taken over; it must not belong to another node any more. */
  setAttribute(name: string, value: AttributeValue): void {
    const before = this.#attributes.get(name)
    const kept = graphsOf(value)
    for (const graph of kept) {
      if (graph._attached && graph.owner !== this)
        throw errors.invalidEdit(`The graph ${errors.quote(graph.name)} belongs to another node`)
    }
    if (before !== undefined) for (const graph of graphsOf(before)) if (!kept.includes(graph)) graph._detach()
    for (const graph of kept) if (!graph._attached) graph._attach(this)
    this.#attributes.set(name, { ...value, name, _message: undefined } as unknown as Attribute)
    this._touch()
  }

  removeAttribute(name: string): void {
    const before = this.#attributes.get(name)
    if (before === undefined) return
    for (const graph of graphsOf(before)) graph._detach()
    this.#attributes.delete(name)
    this._touch()
  }

  /** Graphs in its attributes: branches of If, bodies of Loop and Scan. */
  subgraphs(): readonly Graph[] {
    const graphs: Graph[] = []
    for (const attribute of this.#attributes.values()) graphs.push(...graphsOf(attribute))
    return graphs
  }

  /** @throws OnnxError ONNX_UNSAFE_INTEGER beyond 2^53 */
  int(name: string): number | undefined
  int(name: string, fallback: number): number
  int(name: string, fallback?: number): number | undefined {
    const value = this.#valueOf(name, 'int')
    return value === undefined ? fallback : this.#safe(name, value)
  }

  /** @throws OnnxError ONNX_UNSAFE_INTEGER beyond 2^53 */
  ints(name: string): readonly number[] | undefined {
    return this.#valueOf(name, 'ints')?.map((value) => this.#safe(name, value))
  }

  float(name: string): number | undefined
  float(name: string, fallback: number): number
  float(name: string, fallback?: number): number | undefined {
    return this.#valueOf(name, 'float') ?? fallback
  }

  floats(name: string): readonly number[] | undefined {
    return this.#valueOf(name, 'floats')
  }

  string(name: string): string | undefined
  string(name: string, fallback: string): string
  string(name: string, fallback?: string): string | undefined {
    return this.#valueOf(name, 'string') ?? fallback
  }

  strings(name: string): readonly string[] | undefined {
    return this.#valueOf(name, 'strings')
  }

  tensor(name: string): Tensor | undefined {
    return this.#valueOf(name, 'tensor')
  }

  subgraph(name: string): Graph | undefined {
    return this.#valueOf(name, 'graph')
  }

  #valueOf<K extends AttributeKind>(name: string, kind: K): ValueByKind[K] | undefined {
    const attribute = this.#attributes.get(name)
    if (attribute === undefined || attribute.type === 'reference') return undefined
    if (attribute.type !== kind)
      throw errors.invalidAttribute(name, this.label, `is ${attribute.type} and not ${kind}`)
    return attribute.value as ValueByKind[K]
  }

  #safe(name: string, value: Int64): number {
    if (typeof value === 'number') return value
    throw errors.unsafeInteger(
      `The attribute ${errors.quote(name)} of node ${errors.quote(this.label)}`,
      value,
      'attribute(name).value holds it exactly, as bigint.',
    )
  }

  #edit(
    changes: Partial<Record<'op_type' | 'domain' | 'name' | 'doc_string' | 'metadata_props', unknown>>,
  ): void {
    this._message = edited<'NodeProto'>(this._message, changes as Message<'NodeProto'>)
    this._touch()
  }

  /** @internal Marks the node, and everything around it, as not what the source's bytes say. */
  _touch(): void {
    this._dirty = true
    this.graph._touch()
  }

  /** @internal Sets an input without checks. */
  _link(index: number, value: Value | undefined): void {
    const before = this.#inputUses[index]
    if (before !== undefined) this.#inputs[index]?._removeUse(before)
    this.#inputs[index] = value
    this.#inputUses[index] = undefined
    if (value === undefined) return
    const use = { node: this, index }
    this.#inputUses[index] = use
    value._addUse(use)
  }

  /** @internal Takes its uses, and those of the graphs inside, off the values, or puts them back. */
  _connect(connected: boolean): void {
    this.#inputs.forEach((value, index) => {
      const use = this.#inputUses[index]
      if (value === undefined || use === undefined) return
      if (connected) value._addUse(use)
      else value._removeUse(use)
    })
    for (const graph of this.subgraphs()) graph._connect(connected)
  }

  /** @internal */
  _setOutputs(outputs: readonly (Value | undefined)[]): void {
    this.#outputs = outputs
    for (const value of outputs) if (value !== undefined) value._producer = this
  }

  /** @internal Adds an attribute as the file has it. */
  _read(attribute: Attribute): void {
    if (this.#attributes.has(attribute.name)) throw errors.duplicateAttribute(attribute.name, this.label)
    this.#attributes.set(attribute.name, attribute)
  }
}
