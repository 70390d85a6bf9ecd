import type { Attribute } from '../../graph/attribute'
import type { FunctionDef } from '../../graph/function'
import type { Graph } from '../../graph/graph'
import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import type { Value } from '../../graph/value'
import type { ValueType } from '../../graph/value-type'
import { type DataType, dataTypes } from '../../onnx/data-types'
import { typeRule } from '../../onnx/operator-types'
import { bodyInputs, type Scene, special, tensorOf, typeOfCode } from './special'

/**
 * Element types of all tensors of a model: in the bodies of If, Loop, Scan and SequenceMap, with what they capture, and
 * in those of functions (where several calls differ, as in the last call). Types follow from operators; what the model
 * declares counts for inputs, and where no rule is known.
 * @returns undefined for what is no tensor or can't be told
 */
export function inferTypes(model: Model): ReadonlyMap<Value, DataType | undefined> {
  const types = new Map<Value, DataType | undefined>()
  for (const [value, type] of inferValueTypes(model))
    types.set(value, type?.kind === 'tensor' && type.dataType !== 'undefined' ? type.dataType : undefined)
  return types
}

/** The same with sequences, optionals and maps. Shapes are left out. */
export function inferValueTypes(model: Model): ReadonlyMap<Value, ValueType | undefined> {
  const inference = new Inference(model)
  inference.graph(model.graph)
  return inference.types
}

const MAX_CALLS = 32

class Inference implements Scene {
  readonly types = new Map<Value, ValueType | undefined>()
  readonly #model: Model
  readonly #functions: ReadonlyMap<string, FunctionDef>
  /** Attributes of the function calls that are being looked at, the innermost last. */
  readonly #calls: { readonly node: Node; readonly definition: FunctionDef }[] = []

  constructor(model: Model) {
    this.#model = model
    this.#functions = new Map(model.functions.map((each) => [functionKey(each.domain, each.name), each]))
  }

  readonly typeOf = (value: Value | undefined): ValueType | undefined =>
    value && (this.types.get(value) ?? declared(value))

  readonly attribute = (node: Node, name: string): Attribute | undefined => {
    const attribute = node.attribute(name)
    if (attribute?.type !== 'reference') return attribute
    const call = this.#calls.at(-1)
    const given =
      call?.node.attribute(attribute.value) ??
      call?.definition.attributeDefaults.find((each) => each.name === attribute.value)
    // Constant goes by the name that it has itself: value_ints and the like.
    return given && ({ ...given, name } as Attribute)
  }

  graph(graph: Graph, inputs: readonly (ValueType | undefined)[] = []): void {
    for (const [index, input] of graph.inputs.entries())
      this.types.set(input, inputs[index] ?? declared(input))
    for (const value of [...graph.initializers(), ...graph.sparseInitializers()])
      this.types.set(value, declared(value))
    for (const node of graph.nodes) this.#node(node)
  }

  #node(node: Node): void {
    const opset =
      this.#calls.at(-1)?.definition.opsetImports.get(node.domain) ?? this.#model.opset(node.domain)
    const definition = this.#functions.get(functionKey(node.domain, node.opType))
    if (definition !== undefined && this.#calls.length < MAX_CALLS) {
      this.#call(node, definition)
      return
    }
    const inputs = bodyInputs(node, opset, this)
    for (const inside of node.subgraphs()) this.graph(inside, inputs)
    for (const [index, output] of node.outputs.entries()) {
      if (output !== undefined)
        this.types.set(output, outputType(node, index, opset, this) ?? declared(output))
    }
  }

  #call(node: Node, definition: FunctionDef): void {
    const { body } = definition
    this.#calls.push({ node, definition })
    this.graph(body, node.inputs.map(this.typeOf))
    this.#calls.pop()
    for (const [index, output] of node.outputs.entries()) {
      if (output !== undefined) this.types.set(output, this.typeOf(body.outputs[index]) ?? declared(output))
    }
  }
}

const functionKey = (domain: string, name: string): string => JSON.stringify([domain, name])

/** As the model says, without shape. */
function declared(value: Value): ValueType | undefined {
  const { type } = value
  return type?.kind === 'tensor' || type?.kind === 'sparse-tensor' ? tensorOf(type.dataType) : type
}

const byName: ReadonlyMap<string, unknown> = dataTypes

/** Type of one output by the operator alone; undefined where no rule is known or applies. */
export function outputType(node: Node, output: number, opset: number, scene: Scene): ValueType | undefined {
  const ofOperator = special[node.domain === '' ? node.opType : `${node.domain}.${node.opType}`]
  if (ofOperator !== undefined) return ofOperator(node, output, scene)
  for (const way of typeRule(node.domain, node.opType, opset, output)?.split('|') ?? []) {
    const type = typeBy(way, node, scene)
    if (type !== undefined) return type
  }
  return undefined
}

function typeBy(way: string, node: Node, scene: Scene): ValueType | undefined {
  if (way.startsWith('@')) return typeOfCode(scene.attribute(node, way.slice(1)))
  if (byName.has(way)) return tensorOf(way as DataType)
  return scene.typeOf(node.inputs[Number(way)])
}

/** Element type of one value, as declared or as the nearest operators tell; undefined where they don't. */
export function dataTypeOf(value: Value, depth = 16): DataType | undefined {
  const type = nearType(value, depth)
  return type?.kind === 'tensor' ? type.dataType : undefined
}

function nearType(value: Value, depth: number): ValueType | undefined {
  const { producer } = value
  const type = declared(value)
  if (type !== undefined || producer === undefined || depth === 0) return type
  const scene: Scene = {
    typeOf: (input) => input && nearType(input, depth - 1),
    attribute: (node, name) => node.attribute(name),
  }
  const opset = value.graph.model.opset(producer.domain)
  return outputType(producer, producer.outputs.indexOf(value), opset, scene)
}
