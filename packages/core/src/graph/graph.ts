import * as errors from '../errors'
import { edited, type Message } from '../onnx/message'
import type { AttributeValue } from './attribute'
import { metadataEntries, metadataOf } from './metadata'
import type { Model } from './model'
import { Node } from './node'
import { NodeList, type Position } from './node-list'
import { Outputs } from './outputs'
import { Scope } from './scope'
import type { SparseTensor } from './sparse-tensor'
import type { Tensor } from './tensor'
import type { Value } from './value'
import { messageFromType, type ValueType } from './value-type'

type ValueInfo = Message<'ValueInfoProto'>

export interface NodeSpec {
  readonly opType: string
  readonly domain?: string
  readonly name?: string
  readonly inputs: readonly (Value | undefined)[]
  /** Names that are new in this scope; '' leaves an optional output out. */
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, AttributeValue>>
}

/** A graph: that of the model, one inside a node (If, Loop, Scan), or the body of a function. */
export class Graph {
  readonly model: Model
  /** @internal Everything of the graph but nodes, values and their infos. */
  _message: Message<'GraphProto'>
  /** @internal The graph isn't what its bytes say. */
  _dirty: boolean
  /** @internal Holds external tensors, in itself or in a graph inside. */
  _hasExternal = false
  /** @internal Infos about values that the graph doesn't have. */
  _strayInfos: readonly ValueInfo[] = []
  /** @internal */
  readonly _scope = new Scope(this)
  /** @internal */
  readonly _outputs = new Outputs(this)
  /** @internal False once the attribute that held it is gone. */
  _attached = true

  #owner: Node | undefined
  readonly #inputs: Value[] = []
  readonly #initializers = new Set<Value>()
  readonly #nodes = new NodeList()

  /** @internal */
  constructor(model: Model, owner: Node | undefined, message: Message<'GraphProto'>) {
    this.model = model
    this.#owner = owner
    this._message = message
    this._dirty = message.span === undefined
  }

  get name(): string {
    return this._message.name ?? ''
  }

  set name(name: string) {
    this.#edit({ name })
  }

  get docString(): string {
    return this._message.doc_string ?? ''
  }

  set docString(text: string) {
    this.#edit({ doc_string: text === '' ? undefined : text })
  }

  get metadata(): ReadonlyMap<string, string> {
    return metadataOf(this._message.metadata_props)
  }

  setMetadata(entries: Iterable<readonly [string, string]>): void {
    this.#edit({ metadata_props: metadataEntries(entries) })
  }

  /** The node in whose attribute it lies; undefined for the main graph and functions. */
  get owner(): Node | undefined {
    return this.#owner
  }

  /** The graph around it, whose values it may capture. */
  get parent(): Graph | undefined {
    return this.#owner?.graph
  }

  get inputs(): readonly Value[] {
    return this.#inputs
  }

  get outputs(): readonly Value[] {
    return this._outputs.list.map(({ value }) => value)
  }

  /** In topological order. The list is a snapshot: nodes may be added and removed while it is walked. */
  get nodes(): readonly Node[] {
    return this.#nodes.snapshot()
  }

  /** All values of this graph: inputs, initializers, and what its nodes make. */
  values(): Iterable<Value> {
    return this._scope.values()
  }

  /** Values with dense data: constants, and defaults of inputs (see Value.isConstant). */
  *initializers(): Iterable<Value> {
    for (const value of [...this.#initializers]) if (value.initializer !== undefined) yield value
  }

  *sparseInitializers(): Iterable<Value> {
    for (const value of [...this.#initializers]) if (value.sparseInitializer !== undefined) yield value
  }

  /** The value of this name here, or else in the enclosing graphs. */
  find(name: string): Value | undefined {
    return this._scope.find(name)
  }

  /** `other` is this graph or lies, however deep, inside it. */
  encloses(other: Graph): boolean {
    for (let graph: Graph | undefined = other; graph !== undefined; graph = graph.parent)
      if (graph === this) return true
    return false
  }

  /** A value name that nothing in the model has: `base`, or `base_1` and so on. */
  uniqueName(base: string): string {
    return this.model._names.unique(base)
  }

  addInput(name: string, type?: ValueType): Value {
    const value = this._scope.create(name)
    value._inputInfo = type === undefined ? { name } : { name, type: messageFromType(type) }
    this.#inputs.push(value)
    this._touch()
    return value
  }

  /** Takes an input, or the default of one that stays a constant, off the signature. It must not be used. */
  removeInput(value: Value): void {
    const index = this.#inputs.indexOf(value)
    if (index < 0)
      throw errors.invalidEdit(`${errors.quote(value.name)} is no input of ${errors.quote(this.name)}`)
    if (!this.#initializers.has(value)) this.#assertUnused(value)
    this.#inputs.splice(index, 1)
    value._inputInfo = undefined
    if (!this.#initializers.has(value)) this._scope.forget(value)
    this._touch()
  }

  addInitializer(name: string, tensor: Tensor): Value {
    const value = this._scope.create(name)
    value.initializer = tensor
    return value
  }

  addSparseInitializer(name: string, tensor: SparseTensor): Value {
    const value = this._scope.create(name)
    value.sparseInitializer = tensor
    return value
  }

  /** Removes a constant that nothing uses; of an input with a default, the default. */
  removeInitializer(value: Value): void {
    if (!this.#initializers.has(value))
      throw errors.invalidEdit(`${errors.quote(value.name)} is no initializer here`)
    if (!value.isInput) this.#assertUnused(value)
    this.#initializers.delete(value)
    value._initializer = undefined
    value._sparse = undefined
    if (!value.isInput) this._scope.forget(value)
    this._touch()
  }

  /**
   * Adds a node, at the end where no position is given. Where it stands must be after what it reads and before what
   * reads it; that isn't checked here but when the model is read again.
   */
  addNode(spec: NodeSpec, position?: Position): Node {
    const { opType, domain = '', name = '', inputs, outputs, attributes = {} } = spec
    // All that can be wrong is looked at first: an edit is done whole or not at all.
    for (const value of inputs) if (value !== undefined) this._scope.assertVisible(value)
    const names = outputs.filter((output) => output !== '')
    for (const output of names) this._scope.assertNew(output)
    const taken = inputs.map((value) => value?.name)
    const twice = names.find((output, index) => names.indexOf(output) !== index || taken.includes(output))
    if (twice !== undefined) throw errors.duplicateName('The value', twice, this.name)
    this.#nodes.assertPosition(this, position)
    const node = new Node(this, {
      op_type: opType,
      ...(domain === '' ? {} : { domain }),
      ...(name === '' ? {} : { name }),
    })
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
    inputs.forEach((value, index) => {
      node._link(index, value)
    })
    node._setOutputs(outputs.map((output) => (output === '' ? undefined : this._scope.declare(output))))
    this._insert(node, position)
    this._touch()
    return node
  }

  /**
   * Puts a new node in the place of another, which is removed; the new one takes over the outputs, so that names, uses
   * and graph outputs stay as they are.
   */
  replaceNode(node: Node, spec: Omit<NodeSpec, 'outputs'>): Node {
    const replacement = this.addNode({ ...spec, outputs: [] }, { before: node })
    replacement._setOutputs(node.outputs)
    node._setOutputs([])
    this.removeNode(node)
    return replacement
  }

  /** Removes a node whose outputs nothing uses. */
  removeNode(node: Node): void {
    if (node.graph !== this || !node._attached)
      throw errors.invalidEdit(`Node ${errors.quote(node.label)} is not in this graph`)
    for (const value of node.outputs) if (value !== undefined) this.#assertUnused(value)
    node._connect(false)
    for (const value of node.outputs) if (value !== undefined) this._scope.forget(value)
    this.#nodes.remove(node)
    node._attached = false
    this._touch()
  }

  /** Adds an output, at the end where no index is given. */
  addOutput(value: Value, type: ValueType | undefined = value.type, index = this.outputs.length): void {
    this._scope.assertVisible(value)
    const { name } = value
    this._outputs.add(value, type === undefined ? { name } : { name, type: messageFromType(type) }, index)
    this._touch()
  }

  /**
   * Lets an output be another value. The signature then shows that value's name; to keep the old one, rename: a model's
   * callers know its outputs by name.
   */
  setOutput(index: number, value: Value): void {
    const output = this._outputs.list[index]
    if (output === undefined)
      throw errors.invalidEdit(`Graph ${errors.quote(this.name)} has no output ${index}`)
    this._scope.assertVisible(value)
    this._outputs.replace(index, output, value)
    this._touch()
  }

  /** Drops value_info: recorded types of what is neither input nor output. Engines infer them again. */
  clearValueInfo(): number {
    let dropped = this._strayInfos.length
    this._strayInfos = []
    for (const value of this._scope.values()) {
      if (value._info === undefined) continue
      value._info = undefined
      dropped++
    }
    if (dropped > 0) this._touch()
    return dropped
  }

  #edit(changes: Partial<Record<'name' | 'doc_string' | 'metadata_props', unknown>>): void {
    this._message = edited<'GraphProto'>(this._message, changes as Message<'GraphProto'>)
    this._touch()
  }

  #assertUnused(value: Value): void {
    if (value._uses.size > 0 || value.isOutput) {
      throw errors.invalidEdit(`${errors.quote(value.name)} is still used and can't be removed`)
    }
  }

  /** @internal */
  _touch(): void {
    for (let graph: Graph | undefined = this; graph !== undefined; graph = graph.parent) {
      const owner = graph.#owner
      // What is around a dirty node is dirty already; a graph alone may be so from the start, see Message.span.
      if (graph._dirty && (owner === undefined || owner._dirty)) return
      graph._dirty = true
      if (owner !== undefined) owner._dirty = true
    }
  }

  /** @internal Renames a value wherever it is listed. */
  _rename(value: Value, name: string): void {
    this._scope.rename(value, name)
    const renamed = (info: ValueInfo) => edited<'ValueInfoProto'>(info, { name })
    if (value._inputInfo !== undefined) value._inputInfo = renamed(value._inputInfo)
    if (value._info !== undefined) value._info = renamed(value._info)
    for (const graph of value._outputOf) {
      graph._outputs.edit(value, renamed)
      graph._touch()
    }
    this._touch()
  }

  /** @internal */
  _addInitializer(value: Value): void {
    this.#initializers.add(value)
    this._touch()
  }

  /** @internal All initializers, dense and sparse, in the file's order. */
  get _initializers(): ReadonlySet<Value> {
    return this.#initializers
  }

  /** @internal Entries of value_info: initializers first, then in the order of the nodes. */
  _valueInfos(): { readonly value: Value; readonly info: ValueInfo }[] {
    const made = this.nodes.flatMap((node) => node.outputs)
    const values = new Set([...this.#inputs, ...this.#initializers, ...made])
    return [...values].flatMap((value) => (value?._info === undefined ? [] : [{ value, info: value._info }]))
  }

  /** @internal */
  _insert(node: Node, position?: Position): void {
    this.#nodes.insert(node, position)
  }

  /** @internal */
  _readInput(name: string, info: ValueInfo): void {
    const value = this._scope.declare(name)
    value._inputInfo = info
    this.#inputs.push(value)
  }

  /** @internal */
  _readInitializer(name: string, tensor: Tensor | undefined, sparse: SparseTensor | undefined): void {
    const input = this._scope.own(name)
    if (input !== undefined && (!input.isInput || this.#initializers.has(input))) {
      throw errors.duplicateName('The initializer', name, this.name)
    }
    const value = input ?? this._scope.declare(name)
    value._initializer = tensor
    value._sparse = sparse
    this.#initializers.add(value)
  }

  /** @internal Takes the graph out of its node: what it captured is no longer used by it. */
  _detach(): void {
    this._connect(false)
    this._attached = false
  }

  /** @internal Puts a detached graph into a node. */
  _attach(owner: Node): void {
    this.#owner = owner
    this._attached = true
    this._connect(true)
  }

  /** @internal */
  _connect(connected: boolean): void {
    this._scope.connect(connected)
    this._outputs.connect(connected)
    for (const node of this.nodes) node._connect(connected)
  }
}
