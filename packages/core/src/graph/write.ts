import * as errors from '../errors'
import { dataTypeInfo } from '../onnx/data-types'
import { copyRecord, encodeMessage } from '../onnx/encode'
import { edited, type Field, type Message, type MessageName } from '../onnx/message'
import { encodeUtf8 } from '../wire/utf8'
import { BackwardWriter, type Chunk } from '../wire/writer'
import { type Attribute, attributeKinds, graphsOf, tensorsOf } from './attribute'
import { attributeMessage } from './attribute-message'
import { EXTERNAL, type ExternalLocation } from './external'
import type { FunctionDef } from './function'
import type { Graph } from './graph'
import { metadataEntries, metadataOf } from './metadata'
import { type Model, opsetsOf } from './model'
import type { Node } from './node'
import type { SparseTensor } from './sparse-tensor'
import type { Tensor } from './tensor'
import { embedTraining } from './training'

export interface WriteOptions {
  /** `keep` leaves external data where it lies and writes the references on; without it, it becomes part of the model. */
  readonly external?: 'embed' | 'keep'
  /** Initializers whose data the caller keeps elsewhere, and where: written as external data. */
  readonly places?: ReadonlyMap<Tensor, ExternalLocation>
}

const PROTOBUF_LIMIT = 2 ** 31 - 1

/**
 * Writes a model as a stream of chunks. What wasn't edited are views of the bytes that the model was read from;
 * external and produced weights are fetched one at a time, when their turn comes.
 * @throws OnnxError ONNX_MODEL_TOO_LARGE, before the first chunk, where the model doesn't fit into protobuf's 2 GiB
 */
export function writeModel(model: Model, options: WriteOptions = {}): Iterable<Uint8Array> {
  const { chunks, byteLength } = layout(model, options)
  if (byteLength > PROTOBUF_LIMIT) throw errors.modelTooLarge(byteLength)
  return pull(chunks)
}

/** The chunks of writeModel, joined. */
export function encodeModel(model: Model, options: WriteOptions = {}): Uint8Array {
  const { chunks, byteLength } = layout(model, options)
  if (byteLength > PROTOBUF_LIMIT) throw errors.modelTooLarge(byteLength)
  const bytes = new Uint8Array(byteLength)
  let at = 0
  for (const chunk of pull(chunks)) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

function* pull(chunks: readonly Chunk[]): Iterable<Uint8Array> {
  for (const chunk of chunks) yield chunk instanceof Uint8Array ? chunk : chunk.produce()
}

/** A model in two files, each a stream of chunks. */
export interface SplitModel {
  readonly model: Iterable<Uint8Array>
  /** What belongs at the location; to be taken before or after the model, once. */
  readonly data: Iterable<Uint8Array>
}

/**
 * Writes a model with its initializers as external data in one file, for models beyond protobuf's 2 GiB. Tensors begin
 * at multiples of 4096 bytes, so that engines can map them.
 * @param location POSIX path of the data, relative to the model
 * @param minBytes smaller tensors stay in the model, and so do strings and tensors in attributes
 * @throws OnnxError ONNX_MODEL_TOO_LARGE where what stays doesn't fit into 2 GiB
 */
export function splitModel(model: Model, location: string, minBytes = 1024): SplitModel {
  const places = new Map<Tensor, ExternalLocation>()
  let end = 0
  for (const { initializer } of model.initializers()) {
    if (initializer === undefined || initializer.dataType === 'string') continue
    if (initializer.byteLength < minBytes || places.has(initializer)) continue
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT
    end = offset + initializer.byteLength
    places.set(initializer, { location, offset, length: initializer.byteLength })
  }
  const { chunks, byteLength } = layout(model, { places })
  if (byteLength > PROTOBUF_LIMIT) throw errors.modelTooLarge(byteLength)
  return { model: pull(chunks), data: placed(places) }
}

const ALIGNMENT = 4096

function* placed(places: ReadonlyMap<Tensor, ExternalLocation>): Iterable<Uint8Array> {
  let end = 0
  for (const [tensor, { offset }] of places) {
    if (offset > end) yield new Uint8Array(offset - end)
    yield tensor.bytes()
    end = offset + tensor.byteLength
  }
}

function layout(
  model: Model,
  { external = 'embed', places = new Map() }: WriteOptions,
): { chunks: Chunk[]; byteLength: number } {
  const writer = new BackwardWriter()
  new ModelWriter(writer, external === 'embed', places).model(model)
  return { chunks: writer.chunks(), byteLength: writer.byteLength }
}

const opsetMessages = (imports: ReadonlyMap<string, number>) =>
  [...imports].map(([domain, version]) => ({ domain, version }))

/** Each method writes the content of a message, or, where it takes a field number, the whole field. */
class ModelWriter {
  readonly #out: BackwardWriter
  readonly #embed: boolean
  /** Tensors that become external data; all graphs are written anew where there are any. */
  readonly #places: ReadonlyMap<Tensor, ExternalLocation>

  constructor(out: BackwardWriter, embed: boolean, places: ReadonlyMap<Tensor, ExternalLocation>) {
    this.#out = out
    this.#embed = embed
    this.#places = places
  }

  #isStale(part: Graph | Node): boolean {
    if (this.#places.size > 0 && (!('opType' in part) || part.subgraphs().length > 0)) return true
    return part._dirty || (this.#embed && part._hasExternal)
  }

  #isStaleFunction({ _message: message, opsetImports, body }: FunctionDef): boolean {
    return this.#isStale(body) || !sameEntries(opsetImports, opsetsOf(message.opset_import))
  }

  model(model: Model): void {
    const { _message: message, graph, functions } = model
    const training = this.#embed ? embedTraining(model) : message.training_info
    const opsets = sameEntries(model.opsetImports, opsetsOf(message.opset_import))
    const metadata = sameEntries(model.metadata, metadataOf(message.metadata_props))
    const untouched =
      opsets &&
      metadata &&
      training === message.training_info &&
      !this.#isStale(graph) &&
      functions.every((each) => !this.#isStaleFunction(each) && each._message.span !== undefined)
    if (untouched && message.span !== undefined) {
      this.#out.bytes(message.span.bytes)
      return
    }
    const current = edited(message, {
      training_info: training,
      ...(opsets ? {} : { opset_import: opsetMessages(model.opsetImports) }),
      ...(metadata ? {} : { metadata_props: metadataEntries(model.metadata) }),
    })
    encodeMessage('ModelProto', current, this.#out, ({ name, number }) => {
      if (name === 'graph') this.#graph(number, graph)
      else if (name === 'functions') each(functions, (one) => this.#function(number, one))
      else return false
      return true
    })
  }

  #graph(number: number, graph: Graph): void {
    if (!this.#isStale(graph) && copyRecord(number, graph._message, this.#out)) return
    const mark = this.#out.byteLength
    encodeMessage('GraphProto', graph._message, this.#out, (field) => this.#graphField(field, graph))
    this.#out.header(number, mark)
  }

  #graphField({ name, number }: Field, graph: Graph): boolean {
    switch (name) {
      case 'node':
        each(graph.nodes, (node) => this.#node(number, node))
        return true
      case 'initializer':
        each([...graph.initializers()], ({ name: value, initializer }) => {
          if (initializer !== undefined) this.#tensor(number, initializer, value)
        })
        return true
      case 'sparse_initializer':
        each([...graph.sparseInitializers()], ({ name: value, sparseInitializer }) => {
          if (sparseInitializer !== undefined) this.#sparse(number, sparseInitializer, value)
        })
        return true
      case 'input':
        each(graph.inputs, (value) => this.#message(number, 'ValueInfoProto', value._inputInfo ?? {}))
        return true
      case 'output':
        each(graph._outputs.list, ({ info }) => this.#message(number, 'ValueInfoProto', info))
        return true
      case 'value_info':
        this.#valueInfo(number, graph)
        return true
      default:
        return false
    }
  }

  #valueInfo(number: number, graph: Graph): void {
    const infos = graph._valueInfos().map(({ info }) => info)
    each([...infos, ...graph._strayInfos], (info) => this.#message(number, 'ValueInfoProto', info))
  }

  #function(number: number, definition: FunctionDef): void {
    const { _message: message, attributeDefaults, opsetImports, body } = definition
    if (!this.#isStaleFunction(definition) && copyRecord(number, message, this.#out)) return
    const mark = this.#out.byteLength
    const current = edited(message, {
      ...(sameEntries(opsetImports, opsetsOf(message.opset_import))
        ? {}
        : { opset_import: opsetMessages(opsetImports) }),
      input: body.inputs.map(({ name }) => name),
      output: body.outputs.map(({ name }) => name),
    })
    encodeMessage('FunctionProto', current, this.#out, (field) => {
      if (field.name === 'node') each(body.nodes, (node) => this.#node(field.number, node))
      else if (field.name === 'value_info') this.#valueInfo(field.number, body)
      else if (field.name === 'attribute_proto')
        each(attributeDefaults, (one) => this.#attribute(field.number, one))
      else return false
      return true
    })
    this.#out.header(number, mark)
  }

  #node(number: number, node: Node): void {
    if (!this.#isStale(node) && copyRecord(number, node._message, this.#out)) return
    const mark = this.#out.byteLength
    encodeMessage('NodeProto', node._message, this.#out, (field) => {
      if (field.name === 'input') each(node.inputs, (value) => this.#string(field.number, value?.name))
      else if (field.name === 'output') each(node.outputs, (value) => this.#string(field.number, value?.name))
      else if (field.name === 'attribute')
        each([...node.attributes()], (attribute) => this.#attribute(field.number, attribute))
      else return false
      return true
    })
    this.#out.header(number, mark)
  }

  #attribute(number: number, attribute: Attribute): void {
    const { _message: message } = attribute
    if (message !== undefined && !this.#hasStalePart(attribute) && copyRecord(number, message, this.#out))
      return
    const mark = this.#out.byteLength
    encodeMessage('AttributeProto', message ?? attributeMessage(attribute), this.#out, (field) => {
      if (attribute.type === 'unknown' || attribute.type === 'reference') return false
      if (field.name !== attributeKinds[attribute.type][1]) return false
      return this.#attributeValue(field.number, attribute)
    })
    this.#out.header(number, mark)
  }

  #hasStalePart(attribute: Attribute): boolean {
    if (graphsOf(attribute).some((graph) => this.#isStale(graph))) return true
    return this.#embed && tensorsOf(attribute).some(({ external }) => external !== undefined)
  }

  /** @returns false for values that the attribute's message holds already */
  #attributeValue(number: number, attribute: Attribute): boolean {
    switch (attribute.type) {
      case 'tensor':
        this.#tensor(number, attribute.value, attribute.value.sourceName)
        return true
      case 'tensors':
        each(attribute.value, (tensor) => this.#tensor(number, tensor, tensor.sourceName))
        return true
      case 'sparse-tensor':
        this.#sparse(number, attribute.value, attribute.value.values.sourceName)
        return true
      case 'sparse-tensors':
        each(attribute.value, (sparse) => this.#sparse(number, sparse, sparse.values.sourceName))
        return true
      case 'graph':
        this.#graph(number, attribute.value)
        return true
      case 'graphs':
        each(attribute.value, (graph) => this.#graph(number, graph))
        return true
      default:
        return false
    }
  }

  #sparse(number: number, sparse: SparseTensor, name: string): void {
    const { _message: message, values, indices, dims } = sparse
    const external = this.#embed && (values.external ?? indices.external) !== undefined
    if (
      message !== undefined &&
      !external &&
      name === values.sourceName &&
      copyRecord(number, message, this.#out)
    )
      return
    const mark = this.#out.byteLength
    encodeMessage('SparseTensorProto', message ?? { dims }, this.#out, (field) => {
      if (field.name === 'values') this.#tensor(field.number, values, name)
      else if (field.name === 'indices') {
        if (message === undefined || message.indices !== undefined)
          this.#tensor(field.number, indices, indices.sourceName)
      } else return false
      return true
    })
    this.#out.header(number, mark)
  }

  #tensor(number: number, tensor: Tensor, name: string): void {
    const mark = this.#out.byteLength
    const { _message: message } = tensor
    const place = this.#places.get(tensor)
    const embed = this.#embed && tensor.external !== undefined
    if (place !== undefined) {
      const entries = Object.entries(place).map(([key, value]) => ({ key, value: String(value) }))
      const { code } = dataTypeInfo(tensor.dataType)
      const placed: Message<'TensorProto'> = {
        dims: tensor.dims,
        data_type: code,
        ...(name === '' ? {} : { name }),
        external_data: entries,
        data_location: EXTERNAL,
      }
      encodeMessage('TensorProto', placed, this.#out, () => false)
    } else if (message !== undefined && !embed) {
      const current =
        (message.name ?? '') === name ? message : edited(message, { name: name === '' ? undefined : name })
      if (copyRecord(number, current, this.#out)) return
      encodeMessage('TensorProto', current, this.#out, () => false)
    } else {
      const { code } = dataTypeInfo(tensor.dataType)
      const made: Message<'TensorProto'> = {
        ...(message && edited(message, { external_data: undefined, data_location: undefined })),
        dims: tensor.dims,
        data_type: code,
        ...(name === '' ? {} : { name }),
        ...(tensor.dataType === 'string' ? { string_data: tensor.strings().map(encodeUtf8) } : {}),
      }
      encodeMessage(
        'TensorProto',
        made,
        this.#out,
        (field) => field.name === 'raw_data' && this.#rawData(field.number, tensor),
      )
    }
    this.#out.header(number, mark)
  }

  #rawData(number: number, tensor: Tensor): boolean {
    if (tensor.dataType === 'string') return false
    const mark = this.#out.byteLength
    const { byteLength, _isLazy } = tensor
    if (_isLazy) this.#out.lazy({ byteLength, produce: () => tensor.bytes() })
    else this.#out.bytes(tensor.bytes())
    this.#out.header(number, mark)
    return true
  }

  #string(number: number, text = ''): void {
    const mark = this.#out.byteLength
    this.#out.string(text)
    this.#out.header(number, mark)
  }

  #message<Name extends MessageName>(number: number, name: Name, message: Message<Name>): void {
    if (copyRecord(number, message, this.#out)) return
    const mark = this.#out.byteLength
    encodeMessage(name, message, this.#out)
    this.#out.header(number, mark)
  }
}

/** From the last to the first, as the writer goes. */
function each<T>(list: readonly T[], write: (item: T) => void): void {
  for (let i = list.length - 1; i >= 0; i--) write(list[i] as T)
}

function sameEntries<V>(map: ReadonlyMap<string, V>, entries: Iterable<readonly [string, V]>): boolean {
  const other = [...new Map(entries)]
  return (
    other.length === map.size &&
    [...map].every(([key, value], i) => other[i]?.[0] === key && other[i]?.[1] === value)
  )
}
