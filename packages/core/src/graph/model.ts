import * as errors from '../errors'
import { edited, type Message } from '../onnx/message'
import { tensorsOf } from './attribute'
import type { ExternalReader } from './external'
import type { FunctionDef } from './function'
import { Graph } from './graph'
import { metadataOf } from './metadata'
import { Names } from './names'
import type { Node } from './node'
import type { Tensor } from './tensor'
import type { Value } from './value'
import type { ValueType } from './value-type'

/** What a model made from nothing starts with. */
export interface NewModel {
  /** Domain -> version; '' is ONNX's own. */
  readonly opsetImports: Readonly<Record<string, number>> | ReadonlyMap<string, number>
  /** 8 where it isn't given, which every opset from 9 to 18 goes with. */
  readonly irVersion?: number
  readonly name?: string
  readonly inputs?: Readonly<Record<string, ValueType>>
}

type Scalar = 'ir_version' | 'producer_name' | 'producer_version' | 'domain' | 'model_version' | 'doc_string'

export class Model {
  /** Domain -> version of the operators used; '' is ONNX's own. Free to be changed. */
  readonly opsetImports: Map<string, number>
  /** metadata_props. Free to be changed. */
  readonly metadata: Map<string, string>
  /** @internal */
  readonly _names = new Names()
  /** @internal */
  _message: Message<'ModelProto'>
  #graph: Graph | undefined
  #functions: readonly FunctionDef[] = []

  /** @internal */
  readonly _open: ExternalReader | undefined

  /** @internal */
  constructor(message: Message<'ModelProto'>, open?: ExternalReader) {
    this._open = open
    this._message = message
    this.opsetImports = opsetsOf(message.opset_import)
    this.metadata = metadataOf(message.metadata_props)
  }

  /** A model with an empty graph, to be filled with addInitializer, addNode and addOutput. */
  static create({ opsetImports, irVersion = 8, name = 'graph', inputs = {} }: NewModel): Model {
    const model = new Model({ ir_version: irVersion })
    const opsets = opsetImports instanceof Map ? opsetImports : Object.entries(opsetImports)
    for (const [domain, version] of opsets) model.opsetImports.set(domain, version)
    const graph = new Graph(model, undefined, { name })
    model._setGraph(graph, [])
    for (const [input, type] of Object.entries(inputs)) graph.addInput(input, type)
    return model
  }

  get graph(): Graph {
    if (this.#graph === undefined) throw errors.missingGraph()
    return this.#graph
  }

  get functions(): readonly FunctionDef[] {
    return this.#functions
  }

  get irVersion(): number {
    return Number(this._message.ir_version ?? 0)
  }

  set irVersion(version: number) {
    this.#set('ir_version', version)
  }

  get producerName(): string {
    return this._message.producer_name ?? ''
  }

  set producerName(name: string) {
    this.#set('producer_name', name)
  }

  get producerVersion(): string {
    return this._message.producer_version ?? ''
  }

  set producerVersion(version: string) {
    this.#set('producer_version', version)
  }

  /** Of the model itself, in reverse-DNS style. */
  get domain(): string {
    return this._message.domain ?? ''
  }

  set domain(domain: string) {
    this.#set('domain', domain)
  }

  get docString(): string {
    return this._message.doc_string ?? ''
  }

  set docString(text: string) {
    this.#set('doc_string', text === '' ? undefined : text)
  }

  /** Version of a domain's operators that the model uses; 0 where it doesn't import the domain. */
  opset(domain = ''): number {
    const version = this.opsetImports.get(domain)
    if (version !== undefined) return version
    // Before IR version 3 there were no imports, and all operators were of opset 1.
    return domain === '' && this.irVersion < 3 ? 1 : 0
  }

  /** The main graph, then all graphs inside it, depth first. Bodies of functions are in `functions`. */
  *graphs(): Iterable<Graph> {
    const stack = [this.graph]
    for (let graph = stack.pop(); graph !== undefined; graph = stack.pop()) {
      yield graph
      const inside = graph.nodes.flatMap((node) => node.subgraphs())
      stack.push(...inside.reverse())
    }
  }

  /** Nodes of all graphs. */
  *nodes(): Iterable<Node> {
    for (const graph of this.graphs()) yield* graph.nodes
  }

  /** Values with dense data, of all graphs. */
  *initializers(): Iterable<Value> {
    for (const graph of this.graphs()) yield* graph.initializers()
  }

  /** Elements of all initializers and of the tensors in attributes, where many exporters leave the weights. */
  get parameterCount(): number {
    let count = 0
    for (const value of this.initializers()) count += value.initializer?.size ?? 0
    for (const graph of this.graphs()) {
      for (const value of graph.sparseInitializers()) count += value.sparseInitializer?.values.size ?? 0
      for (const node of graph.nodes)
        for (const attribute of node.attributes()) for (const { size } of tensorsOf(attribute)) count += size
    }
    return count
  }

  /** @internal */
  _setGraph(graph: Graph, functions: readonly FunctionDef[]): void {
    this.#graph = graph
    this.#functions = functions
  }

  /** @internal All tensors, those of functions included. */
  *_tensors(): Iterable<Tensor> {
    const bodies = this.#functions.map(({ body }) => body)
    for (const { attributeDefaults } of this.#functions) yield* attributeDefaults.flatMap(tensorsOf)
    for (const root of [this.graph, ...bodies]) {
      const stack: Graph[] = [root]
      for (let graph = stack.pop(); graph !== undefined; graph = stack.pop()) {
        for (const { initializer, sparseInitializer } of graph._initializers) {
          if (initializer !== undefined) yield initializer
          if (sparseInitializer !== undefined) yield* [sparseInitializer.values, sparseInitializer.indices]
        }
        for (const node of graph.nodes) {
          for (const attribute of node.attributes()) yield* tensorsOf(attribute)
          stack.push(...node.subgraphs())
        }
      }
    }
  }

  #set(field: Scalar, value: string | number | undefined): void {
    this._message = edited<'ModelProto'>(this._message, { [field]: value })
  }
}

/** @internal "ai.onnx" is another name of ''. */
export function opsetsOf(imports: readonly Message<'OperatorSetIdProto'>[] = []): Map<string, number> {
  return new Map(
    imports.map(({ domain = '', version = 0 }) => {
      if (typeof version === 'bigint')
        throw errors.unsafeInteger(`The opset of ${errors.quote(domain)}`, version)
      return [domain === 'ai.onnx' ? '' : domain, version]
    }),
  )
}
