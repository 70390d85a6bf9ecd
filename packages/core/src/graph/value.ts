import * as errors from '../errors'
import { edited, type Message } from '../onnx/message'
import type { Graph } from './graph'
import { metadataEntries, metadataOf } from './metadata'
import type { Node } from './node'
import type { SparseTensor } from './sparse-tensor'
import type { Tensor } from './tensor'
import { messageFromType, typeFromMessage, type ValueType } from './value-type'

/** One place where a value goes into a node. */
export interface Use {
  readonly node: Node
  readonly index: number
}

/**
 * A value of a graph: what a node makes, an input, or an initializer. An input with an initializer has a default that
 * callers may override, see isConstant. Values are made by their graph.
 */
export class Value {
  readonly graph: Graph
  #name: string
  /** @internal */
  _producer: Node | undefined
  /** @internal */
  _initializer: Tensor | undefined
  /** @internal */
  _sparse: SparseTensor | undefined
  /** @internal Entry in the graph's inputs, where it is one. */
  _inputInfo: Message<'ValueInfoProto'> | undefined
  /** @internal Entry in the graph's value_info. */
  _info: Message<'ValueInfoProto'> | undefined
  /** @internal The graphs that have it as output, each as often as it is: its own, or, captured, ones inside. */
  readonly _outputOf: Graph[] = []
  /** @internal */
  readonly _uses = new Set<Use>()
  #usesList: readonly Use[] | undefined

  /** @internal */
  constructor(graph: Graph, name: string) {
    this.graph = graph
    this.#name = name
  }

  /** Unique in its graph. Setting it renames the value wherever it is used. */
  get name(): string {
    return this.#name
  }

  set name(name: string) {
    if (name === this.#name) return
    this.graph._rename(this, name)
    this.#name = name
    for (const { node } of this._uses) node._touch()
    this._producer?._touch()
  }

  /** The node that makes it; undefined for inputs and initializers. */
  get producer(): Node | undefined {
    return this._producer
  }

  /** Constant data, or the default of an input. */
  get initializer(): Tensor | undefined {
    return this._initializer
  }

  /** Replaces constant data by other data, of any type and shape. */
  set initializer(tensor: Tensor) {
    if (this._producer !== undefined)
      throw errors.invalidEdit(`${errors.quote(this.#name)} is made by a node`)
    this._initializer = tensor
    this._sparse = undefined
    // A recorded type that may be wrong now is worse than none.
    this._info = undefined
    this.graph._addInitializer(this)
  }

  /** Constant data in sparse form. */
  get sparseInitializer(): SparseTensor | undefined {
    return this._sparse
  }

  set sparseInitializer(sparse: SparseTensor) {
    if (this._producer !== undefined)
      throw errors.invalidEdit(`${errors.quote(this.#name)} is made by a node`)
    this._sparse = sparse
    this._initializer = undefined
    this._info = undefined
    this.graph._addInitializer(this)
  }

  /**
   * Has data that no caller can override. Before IR version 4 every initializer had to be listed as an input, and
   * engines take none of them for a default (Graph::CanOverrideInitializer in onnxruntime).
   */
  get isConstant(): boolean {
    if (this._initializer === undefined && this._sparse === undefined) return false
    return this._inputInfo === undefined || this.graph.model.irVersion < 4
  }

  get isInput(): boolean {
    return this._inputInfo !== undefined
  }

  /** It is an output of its graph, or, captured, of a graph inside. */
  get isOutput(): boolean {
    return this._outputOf.length > 0
  }

  /** Where it goes into nodes, those of nested graphs included. Being a graph's output is no use. */
  get uses(): readonly Use[] {
    this.#usesList ??= [...this._uses]
    return this.#usesList
  }

  /** As declared (inputs, outputs, value_info), or that of its data; undefined where the model doesn't say. */
  get type(): ValueType | undefined {
    const message = this._inputInfo?.type ?? this.#outputInfo()?.type ?? this._info?.type
    const declared = message && typeFromMessage(message)
    if (declared !== undefined) return declared
    const constant = this._initializer
    if (constant !== undefined) return { kind: 'tensor', dataType: constant.dataType, shape: constant.dims }
    const sparse = this._sparse
    return sparse && { kind: 'sparse-tensor', dataType: sparse.values.dataType, shape: sparse.dims }
  }

  /** Sets the declared type; undefined takes it out, value_info and all. */
  set type(type: ValueType | undefined) {
    const declared = this.isInput || this.#outputInfo() !== undefined
    if (type === undefined) this._info = undefined
    else if (!declared) this._info ??= { name: this.#name }
    this.#editInfos({ type: type && messageFromType(type) })
  }

  /** Of its entry in inputs, outputs or value_info; a value without an entry has none. */
  get docString(): string {
    return this.#declared?.doc_string ?? ''
  }

  set docString(text: string) {
    this.#editInfos({ doc_string: text === '' ? undefined : text })
  }

  /** metadata_props of its entry in inputs, outputs or value_info; a value without an entry has none. */
  get metadata(): ReadonlyMap<string, string> {
    return metadataOf(this.#declared?.metadata_props)
  }

  setMetadata(entries: Iterable<readonly [string, string]>): void {
    this.#editInfos({ metadata_props: metadataEntries(entries) })
  }

  /**
   * Lets every node, in this and in nested graphs, read `other` in its place. Graph outputs stay: they change through
   * Graph.setOutput.
   */
  replaceAllUsesWith(other: Value): void {
    if (other === this) return
    for (const { node, index } of [...this._uses]) node.setInput(index, other)
  }

  /** @internal */
  _addUse(use: Use): void {
    this._uses.add(use)
    this.#usesList = undefined
  }

  /** @internal */
  _removeUse(use: Use): void {
    this._uses.delete(use)
    this.#usesList = undefined
  }

  /** @internal */
  _removeOutputOf(graph: Graph): void {
    this._outputOf.splice(this._outputOf.indexOf(graph), 1)
  }

  get #declared(): Message<'ValueInfoProto'> | undefined {
    return this._inputInfo ?? this.#outputInfo() ?? this._info
  }

  /** Changes its entries, wherever it has one. */
  #editInfos(changes: Parameters<typeof edited<'ValueInfoProto'>>[1]): void {
    const change = (info: Message<'ValueInfoProto'>) => edited<'ValueInfoProto'>(info, changes)
    if (this._inputInfo !== undefined) this._inputInfo = change(this._inputInfo)
    if (this._info !== undefined) this._info = change(this._info)
    this.graph._touch()
    for (const graph of this._outputOf) {
      graph._outputs.edit(this, change)
      graph._touch()
    }
  }

  #outputInfo(): Message<'ValueInfoProto'> | undefined {
    return this._outputOf.length > 0 ? this.graph._outputs.infoOf(this) : undefined
  }
}
