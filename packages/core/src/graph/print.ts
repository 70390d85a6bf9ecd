import { dataTypeInfo } from '../onnx/data-types'
import type { Int64 } from '../wire/wire-type'
import type { Attribute, AttributeValue } from './attribute'
import { elementsOf } from './elements'
import type { FunctionDef } from './function'
import type { Graph } from './graph'
import type { Model } from './model'
import type { Node } from './node'
import type { SparseTensor } from './sparse-tensor'
import type { Tensor } from './tensor'
import { identifier, number, operator, quoted } from './text'
import type { Value } from './value'
import type { ValueType } from './value-type'

export interface PrintOptions {
  /** Tensors and lists up to so many elements are printed whole, of longer ones only the first few. 16 by default. */
  readonly elements?: number
}

/** So many elements of a tensor that is cut. */
const HEAD = 4
const LONG_TEXT = 120

const attributeTypeNames: Record<Exclude<AttributeValue['type'], 'reference' | 'unknown'>, string> = {
  float: 'float',
  int: 'int',
  string: 'string',
  tensor: 'tensor',
  graph: 'graph',
  floats: 'floats',
  ints: 'ints',
  strings: 'strings',
  tensors: 'tensors',
  graphs: 'graphs',
  'sparse-tensor': 'sparse_tensor',
  'sparse-tensors': 'sparse_tensors',
  type: 'type_proto',
  types: 'type_protos',
}

/**
 * The model in ONNX's textual syntax (onnx/defs/printer.cc of ONNX 1.22), for people and for goldens: the same model
 * gives the same text. Beyond that syntax: long tensors are cut, elements of float16 and smaller types are shown as
 * numbers, sparse tensors and opaque types have a notation of their own, and control characters are escaped. What is
 * cut or beyond the syntax doesn't parse again. External data isn't read, produced weights aren't made.
 */
export function printModel(model: Model, { elements = 16 }: PrintOptions = {}): string {
  const printer = new Printer(elements)
  return [
    header(model),
    printer.graph(model.graph, ''),
    ...model.functions.map((each) => printer.function(each)),
    '',
  ].join('\n')
}

function header(model: Model): string {
  const text = (value: string) => (value === '' ? undefined : quoted(value, LONG_TEXT))
  const modelVersion = model._message.model_version
  const metadata = [...model.metadata].map(([key, value]) => `${quoted(key)}: ${quoted(value, LONG_TEXT)}`)
  const entries: [string, string | undefined][] = [
    ['ir_version', String(model.irVersion)],
    ['opset_import', opsets(model.opsetImports)],
    ['producer_name', text(model.producerName)],
    ['producer_version', text(model.producerVersion)],
    ['domain', text(model.domain)],
    ['model_version', modelVersion === undefined ? undefined : String(modelVersion)],
    ['doc_string', text(model.docString)],
    ['metadata_props', metadata.length === 0 ? undefined : `[${metadata.join(', ')}]`],
  ]
  const lines = entries.flatMap(([key, value]) => (value === undefined ? [] : [`   ${key}: ${value}`]))
  return `<\n${lines.join(',\n')}\n>`
}

const opsets = (imports: ReadonlyMap<string, number>): string =>
  `[${[...imports].map(([domain, version]) => `${quoted(domain)} : ${version}`).join(', ')}]`

class Printer {
  readonly #elements: number

  constructor(elements: number) {
    this.#elements = elements
  }

  graph(graph: Graph, indent: string): string {
    const signature = `${identifier(graph.name)} (${graph.inputs.map((value) => this.#input(value)).join(', ')}) => (${graph.outputs.map(typed).join(', ')})`
    const valueInfos = graph._valueInfos().map(({ value }) => typed(value))
    const declarations = [...this.#initializers(graph), ...valueInfos]
    const block = declarations.length === 0 ? [] : [`${indent}   <${declarations.join(`,\n${indent}    `)}>`]
    return [signature, ...block, this.#body(graph, indent)].join('\n')
  }

  function(each: FunctionDef): string {
    const { domain, name, overload, attributes, opsetImports, body } = each
    const entries = [`   domain: ${quoted(domain)}`]
    if (overload !== '') entries.push(`   overload: ${quoted(overload)}`)
    entries.push(`   opset_import: ${opsets(opsetImports)}`)
    const defaults = each.attributeDefaults.map((attribute) => this.#attribute(attribute, ''))
    const parameters = [...attributes.map(identifier), ...defaults]
    const names = (values: readonly Value[]) => values.map((value) => identifier(value.name)).join(', ')
    const list = parameters.length === 0 ? '' : `<${parameters.join(', ')}> `
    return `<\n${entries.join(',\n')}\n>\n${identifier(name)} ${list}(${names(body.inputs)}) => (${names(body.outputs)})\n${this.#body(body, '')}`
  }

  #body(graph: Graph, indent: string): string {
    return ['{', ...graph.nodes.map((node) => this.#node(node, `${indent}   `)), `${indent}}`]
      .map((line, i) => (i === 0 ? indent + line : line))
      .join('\n')
  }

  #node(node: Node, indent: string): string {
    const list = (values: Node['inputs']) => values.map((value) => identifier(value?.name ?? '')).join(', ')
    const name = node.name === '' ? '' : `[${identifier(node.name)}] `
    const call = operator(node.domain, node.opType, node.overload)
    const attributes = [...node.attributes()].map((attribute) => this.#attribute(attribute, indent))
    const parameters = attributes.length === 0 ? '' : ` <${attributes.join(', ')}>`
    const inputs = ` (${list(node.inputs)})`
    // As ONNX's printer: inputs first where graphs make the attributes long.
    const rest = node.subgraphs().length > 0 ? inputs + parameters : parameters + inputs
    return `${indent}${name}${list(node.outputs)} = ${call}${rest}`
  }

  #attribute(attribute: Attribute, indent: string): string {
    const name = identifier(attribute.name)
    if (attribute.type === 'reference') {
      const type = attribute.of === undefined ? 'undefined' : attributeTypeNames[attribute.of]
      return `${name}: ${type} = @${identifier(attribute.value)}`
    }
    if (attribute.type === 'unknown') return `${name}: undefined`
    return `${name}: ${attributeTypeNames[attribute.type]} = ${this.#attributeValue(attribute, indent)}`
  }

  #attributeValue(
    attribute: Exclude<AttributeValue, { type: 'reference' | 'unknown' }>,
    indent: string,
  ): string {
    switch (attribute.type) {
      case 'float':
        return number(attribute.value, true)
      case 'int':
        return number(attribute.value, false)
      case 'string':
        return quoted(attribute.value, LONG_TEXT)
      case 'tensor':
        return this.#tensor(attribute.value, attribute.value.sourceName)
      case 'sparse-tensor':
        return this.#sparse(attribute.value, '')
      case 'graph':
        return this.graph(attribute.value, `${indent}   `)
      case 'type':
        return typeText(attribute.value)
      case 'floats':
        return this.#list(attribute.value, (each) => number(each, true))
      case 'ints':
        return this.#list(attribute.value, (each: Int64) => number(each, false))
      case 'strings':
        return this.#list(attribute.value, (each) => quoted(each, LONG_TEXT))
      case 'tensors':
        return this.#list(attribute.value, (each) => this.#tensor(each, each.sourceName))
      case 'sparse-tensors':
        return this.#list(attribute.value, (each) => this.#sparse(each, ''))
      case 'graphs':
        return this.#list(attribute.value, (each) => this.graph(each, `${indent}   `))
      case 'types':
        return this.#list(attribute.value, typeText)
    }
  }

  #list<T>(items: readonly T[], print: (item: T) => string): string {
    const cut = items.length > this.#elements
    const shown = (cut ? items.slice(0, HEAD) : items).map(print)
    return `[${shown.join(', ')}${cut ? `, ...(${items.length})` : ''}]`
  }

  /** An input with its default. */
  #input(value: Value): string {
    const { initializer } = value
    return initializer === undefined ? typed(value) : `${typed(value)} = ${this.#data(initializer)}`
  }

  #initializers(graph: Graph): string[] {
    const dense = [...graph.initializers()].flatMap(({ initializer, name, isInput }) =>
      initializer === undefined || isInput ? [] : [this.#tensor(initializer, name, true)],
    )
    const sparse = [...graph.sparseInitializers()].flatMap(({ sparseInitializer, name }) =>
      sparseInitializer === undefined ? [] : [this.#sparse(sparseInitializer, name)],
    )
    return [...dense, ...sparse]
  }

  #tensor(tensor: Tensor, name: string, initializer = false): string {
    const type = typeText({ kind: 'tensor', dataType: tensor.dataType, shape: tensor.dims })
    const title = name === '' ? type : `${type} ${identifier(name)}`
    return `${title} ${initializer ? '= ' : ''}${this.#data(tensor)}`
  }

  #data(tensor: Tensor): string {
    const { external, size, dataType } = tensor
    if (external !== undefined) {
      const entries = [`"location": ${quoted(external.location)}`, `"offset": "${external.offset}"`]
      if (external.length !== undefined) entries.push(`"length": "${external.length}"`)
      return `[${entries.join(', ')}]`
    }
    if (tensor._isLazy) return '{...}'
    const cut = size > this.#elements
    const count = cut ? Math.min(HEAD, size) : size
    const single = dataType !== 'float64' && dataType !== 'complex128'
    const shown =
      dataType === 'string'
        ? tensor
            .strings()
            .slice(0, count)
            .map((each) => quoted(each, LONG_TEXT))
        : elementsOf(dataType, tensor.bytes(), count).map((each) => number(each, single))
    return `{${shown.join(', ')}${cut ? ', ...' : ''}}`
  }

  #sparse({ values, indices, dims }: SparseTensor, name: string): string {
    const type = typeText({ kind: 'sparse-tensor', dataType: values.dataType, shape: dims })
    const title = name === '' ? type : `${type} ${identifier(name)} =`
    return `${title} ${this.#data(values)} at ${this.#data(indices)}`
  }
}

function typed(value: Value): string {
  const { type, name } = value
  return type === undefined ? identifier(name) : `${typeText(type)} ${identifier(name)}`
}

function typeText(type: ValueType): string {
  switch (type.kind) {
    case 'tensor':
      return dataTypeInfo(type.dataType).text + shapeText(type.shape)
    case 'sparse-tensor':
      return `sparse_tensor(${dataTypeInfo(type.dataType).text}${shapeText(type.shape)})`
    case 'sequence':
      return `seq(${typeText(type.element)})`
    case 'optional':
      return `optional(${typeText(type.element)})`
    case 'map':
      return `map(${dataTypeInfo(type.key).text}, ${typeText(type.value)})`
    case 'opaque':
      return `opaque(${quoted(type.domain)}, ${quoted(type.name)})`
  }
}

/** Nothing for a scalar, [] for an unknown rank. */
function shapeText(shape: readonly (number | string | undefined)[] | undefined): string {
  if (shape === undefined) return '[]'
  if (shape.length === 0) return ''
  const dims = shape.map((dim) =>
    typeof dim === 'number' ? String(dim) : dim === undefined ? '?' : identifier(dim),
  )
  return `[${dims.join(',')}]`
}
