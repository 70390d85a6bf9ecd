import type { Graph } from '../../graph/graph'
import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import type { Value } from '../../graph/value'
import { constantOf } from '../facts'
import { amount, fixed, type Length, type Shape } from './amount'
import { shapeRules } from './shape-rules'

/** Shape of a value as far as it is known. */
export type ShapeOf = (value: Value | undefined) => Shape | undefined

export const operatorOf = ({ domain, opType }: Node): string =>
  domain === '' ? opType : `${domain}.${opType}`

/**
 * Shapes of all values of a model, those of its subgraphs included: as a run showed them, as the model declares them, and
 * where that leaves something open as operators make them of their inputs.
 * @param seen shapes that a run showed
 */
export function inferShapes(model: Model, seen: ReadonlyMap<Value, readonly number[]> = new Map()): ShapeOf {
  const known = new Map<Value, Shape | undefined>()
  const shapeOf: ShapeOf = (value) => value && (known.has(value) ? known.get(value) : given(value, seen))
  const visit = (graph: Graph): void => {
    for (const node of graph.nodes) {
      for (const inside of node.subgraphs()) visit(inside)
      const made = outputsOf(node, shapeOf)
      for (const [index, value] of node.outputs.entries())
        if (value !== undefined) known.set(value, merged(given(value, seen), made[index]))
    }
  }
  visit(model.graph)
  return shapeOf
}

function given(value: Value, seen: ReadonlyMap<Value, readonly number[]>): Shape | undefined {
  const numbers = seen.get(value) ?? value.initializer?.dims ?? constantOf(value)?.dims
  if (numbers !== undefined) return numbers.map((length) => amount(length))
  const { type } = value
  return type?.kind === 'tensor' ? type.shape?.map(declared) : undefined
}

function declared(length: number | string | undefined): Length {
  if (typeof length === 'string') return amount(1, length)
  // Some exporters write -1 for what they don't know.
  return length === undefined || length < 0 ? undefined : amount(length)
}

function outputsOf(node: Node, shapeOf: ShapeOf): readonly (Shape | undefined)[] {
  const made = shapeRules.get(operatorOf(node))?.(node, (index) => shapeOf(node.inputs[index]))
  if (made === undefined) return []
  return made.some((each) => Array.isArray(each)) ? (made as readonly (Shape | undefined)[]) : [made as Shape]
}

/** Numbers count over names: exporters give axes new names at every node. */
function merged(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b === undefined || a.length !== b.length) return a ?? b
  return a.map((length, axis) => {
    const other = b[axis]
    return fixed(length) !== undefined ? length : fixed(other) !== undefined ? other : (other ?? length)
  })
}
