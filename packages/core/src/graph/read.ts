import * as errors from '../errors'
import { OnnxError } from '../errors'
import { decodeMessage } from '../onnx/decode'
import type { Message } from '../onnx/message'
import type { ExternalFile, ExternalReader } from './external'
import { FunctionDef } from './function'
import { Graph } from './graph'
import { checkModelBytes, defaultLimits, type Limits } from './limits'
import { Model, opsetsOf } from './model'
import { Node } from './node'
import { orderProblem } from './order'
import { readAttribute } from './read-attribute'
import { sniff } from './sniff'
import { sparseFromMessage } from './sparse-tensor'
import { Tensor } from './tensor'
import { typeFromMessage } from './value-type'

export interface ReadOptions {
  /** Opens external data files; without it, tensors in them can't be read. */
  readonly external?: ExternalReader
  /** File or name of the model, for messages. */
  readonly name?: string
  readonly limits?: Partial<Limits>
}

/** What reading one model goes with. */
export interface ReadContext {
  readonly model: Model
  readonly open: ExternalReader | undefined
  readonly limits: Limits
  nodes: number
}

/**
 * Reads a model. Everything is checked here but the content of external files; weights stay views of `bytes`, which
 * must not change afterwards. Takes time and memory in proportion to the number of nodes and names, not to the weights.
 * @throws OnnxError
 */
export function readModel(bytes: Uint8Array, options: ReadOptions = {}): Model {
  const { external, name, limits } = options
  try {
    const all = { ...defaultLimits, ...limits }
    checkModelBytes(bytes.length, all)
    // A subclass's slice() may not copy, as that of Node's Buffer doesn't: all views derive from a plain array.
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return readMessage(decodeModel(plain, all), external, all)
  } catch (error) {
    throw name !== undefined && error instanceof OnnxError ? error.about(name) : error
  }
}

function decodeModel(bytes: Uint8Array, { depth, messages }: Limits): Message<'ModelProto'> {
  const guess = sniff(bytes)
  if (guess !== undefined) throw guess
  const message = decodeMessage('ModelProto', bytes, depth, messages)
  if (message.graph === undefined) throw errors.missingGraph()
  if (message.ir_version === undefined) throw errors.missingIrVersion()
  return message
}

/** @internal */
export function readMessage(
  message: Message<'ModelProto'>,
  external: ExternalReader | undefined,
  limits: Limits,
): Model {
  const open = external && openedOnce(external)
  const model = new Model(message, open)
  const context: ReadContext = { model, open, limits, nodes: 0 }
  const graph = readGraph(message.graph ?? {}, undefined, context)
  model._setGraph(
    graph,
    (message.functions ?? []).map((each) => readFunction(each, context)),
  )
  return model
}

function openedOnce(external: ExternalReader): ExternalReader {
  const files = new Map<string, ExternalFile>()
  return (location) => {
    const file = files.get(location) ?? external(location)
    files.set(location, file)
    return file
  }
}

/** @internal */
export function readGraph(
  message: Message<'GraphProto'>,
  owner: Node | undefined,
  context: ReadContext,
): Graph {
  const graph = new Graph(context.model, owner, message)
  const tensor = (each: Message<'TensorProto'>) => {
    const made = Tensor.fromMessage(each, context.open, context.limits.tensorBytes)
    if (made.external !== undefined) markExternal(graph)
    return made
  }
  checkTypes(message.input)
  checkTypes(message.output)
  for (const info of message.input ?? []) graph._readInput(info.name ?? '', info)
  for (const each of message.initializer ?? []) {
    graph._readInitializer(named(each.name, graph), tensor(each), undefined)
  }
  for (const each of message.sparse_initializer ?? []) {
    const sparse = sparseFromMessage(each, context.open, context.limits.tensorBytes)
    if (sparse.values.external !== undefined || sparse.indices.external !== undefined) markExternal(graph)
    graph._readInitializer(named(each.values?.name, graph), undefined, sparse)
  }
  readNodes(graph, message.node ?? [], context)
  for (const info of message.output ?? []) {
    const { name = '' } = info
    const value = graph.find(name)
    if (value === undefined) throw errors.missingOutput(name, graph.name)
    graph._outputs.add(value, info)
  }
  readInfos(graph, message.value_info ?? [])
  return graph
}

const named = (name: string | undefined, graph: Graph): string => {
  if (name === undefined || name === '') throw errors.missingName('An initializer', graph.name)
  return name
}

function readNodes(graph: Graph, messages: readonly Message<'NodeProto'>[], context: ReadContext): void {
  context.nodes += messages.length
  if (context.nodes > context.limits.nodes) {
    throw errors.limitExceeded('nodes', 'Number of nodes', context.nodes, context.limits.nodes)
  }
  for (const message of messages) {
    const node = new Node(graph, message)
    for (const [index, name] of (message.input ?? []).entries()) {
      if (name === '') {
        node._link(index, undefined)
        continue
      }
      const value = graph.find(name)
      if (value === undefined) throw orderProblem(name, labelOf(message), graph, messages)
      node._link(index, value)
    }
    for (const attribute of message.attribute ?? []) node._read(readAttribute(attribute, node, context))
    node._setOutputs(
      (message.output ?? []).map((name) => (name === '' ? undefined : graph._scope.declare(name))),
    )
    graph._insert(node)
  }
}

/** As Node.label, for a node that isn't made yet. */
export function labelOf({ name = '', op_type = '', output = [] }: Message<'NodeProto'>): string {
  if (name !== '') return name
  const first = output.find((each) => each !== '')
  return first === undefined ? op_type : `${op_type} -> ${first}`
}

function readInfos(graph: Graph, infos: readonly Message<'ValueInfoProto'>[]): void {
  checkTypes(infos)
  const stray: Message<'ValueInfoProto'>[] = []
  for (const info of infos) {
    const value = graph._scope.own(info.name ?? '')
    if (value === undefined || value._info !== undefined) stray.push(info)
    else value._info = info
  }
  graph._strayInfos = stray
}

/** Types are made when they are asked for; that they can be is made sure of here. */
function checkTypes(infos: readonly Message<'ValueInfoProto'>[] = []): void {
  for (const { type } of infos) if (type !== undefined) typeFromMessage(type)
}

/** Marks everything around a graph that holds an external tensor. */
export function markExternal(graph: Graph): void {
  for (
    let around: Graph | undefined = graph;
    around !== undefined && !around._hasExternal;
    around = around.parent
  ) {
    around._hasExternal = true
    if (around.owner !== undefined) around.owner._hasExternal = true
  }
}

function readFunction(message: Message<'FunctionProto'>, context: ReadContext): FunctionDef {
  const { span } = message
  const graph = new Graph(context.model, undefined, { name: message.name ?? '', ...(span && { span }) })
  for (const name of message.input ?? []) graph._readInput(name, { name })
  readNodes(graph, message.node ?? [], context)
  for (const name of message.output ?? []) {
    const value = graph.find(name)
    if (value === undefined) throw errors.missingOutput(name, graph.name)
    graph._outputs.add(value, { name })
  }
  readInfos(graph, message.value_info ?? [])
  // Graphs in defaults need a node around them.
  const holder = new Node(graph, { op_type: message.name ?? '' })
  const defaults = (message.attribute_proto ?? []).map((each) => readAttribute(each, holder, context))
  return new FunctionDef(message, opsetsOf(message.opset_import), defaults, graph)
}
