import { externalLocations, type Graph, type Model, type Node, type Value } from '@unplugin-onnx/core'
import type { ValueSignature } from '@unplugin-onnx/runtime'
import { printable } from '../printable'
import { isTensorType } from '../tensor-types'
import type { Inspection } from './task'

/** What can be told from a model that is open. */
export function inspectModel(model: Model): Inspection {
  const warnings: string[] = []
  const inputs = model.graph.inputs
    // Before IR version 4 every initializer had to be listed as an input; nobody feeds those.
    .filter((value) => value.initializer === undefined || model.irVersion >= 4)
    .flatMap((value) => signatureOf(value, 'input', warnings))
  const outputs = model.graph.outputs.flatMap((value) => signatureOf(value, 'output', warnings))
  return {
    inputs,
    outputs,
    external: externalLocations(model),
    classes: model.graph.outputs.filter((value) => holdsClassScores(value)).map((value) => value.name),
    vocabularies: vocabulariesOf(model.graph),
    warnings,
  }
}

function signatureOf(value: Value, role: string, warnings: string[]): ValueSignature[] {
  const { name, type } = value
  if (type?.kind !== 'tensor' || !isTensorType(type.dataType)) {
    const what =
      type === undefined
        ? 'no type'
        : type.kind === 'tensor'
          ? `the type ${type.dataType}`
          : `the kind ${type.kind}`
    warnings.push(
      `The ${role} '${printable(name)}' has ${what}, which onnxruntime's JavaScript API can't pass: it is left out.`,
    )
    return []
  }
  const dims = type.shape?.map((dim) => dim ?? null)
  return [
    {
      name,
      type: type.dataType,
      ...(dims === undefined ? {} : { dims }),
      ...(value.initializer === undefined ? {} : { optional: true as const }),
    },
  ]
}

/** Operators that pass values on in another shape or type. */
const carriers = new Set(['Identity', 'Cast', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Transpose'])

/**
 * Whether an output ranks classes: it comes from a softmax, or straight from a dense layer, as logits do. Embeddings end in
 * a normalization or a mean, states in a recurrent cell, maps in a convolution: their arg max means nothing.
 */
function holdsClassScores(output: Value): boolean {
  const type = output.type
  if (type?.kind !== 'tensor') return false
  const width = type.shape?.at(-1)
  if (type.shape !== undefined && (type.shape.length < 2 || type.shape.length > 3 || width === 1))
    return false
  let node = output.producer
  for (let step = 0; node !== undefined && step < 16; step++) {
    const { opType } = node
    if (opType === 'Softmax' || opType === 'LogSoftmax' || isSoftmax(node)) return true
    if (opType === 'Gemm' || opType === 'MatMul') return hasConstantOperand(node)
    if (opType === 'Add') {
      const dense: Node | undefined = node.inputs.find(
        (value) => value?.producer?.opType === 'MatMul',
      )?.producer
      return dense !== undefined && hasConstantOperand(dense)
    }
    if (!carriers.has(opType)) return false
    node = node.inputs[0]?.producer
  }
  return false
}

/** exp(x) / sum(exp(x)), as tf2onnx writes it. */
function isSoftmax({ opType, inputs: [top, bottom] }: Node): boolean {
  const sum = bottom?.producer
  return (
    opType === 'Div' &&
    top?.producer?.opType === 'Exp' &&
    sum?.opType === 'ReduceSum' &&
    sum.inputs[0] === top
  )
}

const hasConstantOperand = (node: Node): boolean =>
  node.inputs.some((value) => shapeOfConstant(value) !== undefined)

/** The shape of a constant, seen through what may stand between it and its use. */
function shapeOfConstant(value: Value | undefined): readonly number[] | undefined {
  let current = value
  let transposed = false
  for (let step = 0; current !== undefined && step < 8; step++) {
    if (current.initializer !== undefined) {
      const { dims } = current.initializer
      return transposed ? [...dims].reverse() : dims
    }
    const { producer } = current
    if (producer === undefined) return undefined
    if (producer.opType === 'Constant') return producer.tensor('value')?.dims
    if (producer.opType === 'Transpose') transposed = !transposed
    else if (!['Identity', 'Cast', 'DequantizeLinear'].includes(producer.opType)) return undefined
    current = producer.inputs[0]
  }
  return undefined
}

/** For every whole-number input: the fewest rows of a table that it is looked up in. */
function vocabulariesOf(graph: Graph): [string, number][] {
  const found: [string, number][] = []
  for (const input of graph.inputs) {
    if (input.type?.kind !== 'tensor' || !/^u?int/.test(input.type.dataType)) continue
    const rows = lookedUp(input, 8)
    if (rows.length > 0) found.push([input.name, Math.min(...rows)])
  }
  return found
}

function lookedUp(value: Value, depth: number): number[] {
  if (depth === 0) return []
  return value.uses.flatMap(({ node, index }) => {
    if (node.opType === 'Gather' && index === 1) {
      const dims = shapeOfConstant(node.inputs[0])
      if (dims === undefined) return []
      const axis = node.int('axis', 0)
      return [dims[axis < 0 ? axis + dims.length : axis] ?? 1]
    }
    const [output] = node.outputs
    return index === 0 && carriers.has(node.opType) && output ? lookedUp(output, depth - 1) : []
  })
}
