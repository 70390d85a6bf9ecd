import type { Graph, Value } from '../../src/index'
import { add } from '../build-model'
import type { Feeds } from '../engine'

/** A small graph of one opset, to be computed before and after it is raised. */
export interface Case {
  readonly opset: number
  /** Of the input x, of float32. */
  readonly shape: readonly number[]
  /** As declared, where that says less than `shape`. */
  readonly declared?: readonly (number | string)[]
  readonly make: (graph: Graph, x: Value, input: (name: string) => Value) => Value | readonly Value[]
  /** Further inputs; one named x takes the place of random data. */
  readonly feeds?: Feeds
}
export type Cases = Readonly<Record<string, Case>>

export const number = (value: number) => ({ type: 'float', value }) as const
export const numbers = (...value: number[]) => ({ type: 'floats', value }) as const
export const text = (value: string) => ({ type: 'string', value }) as const

export const outputs = (
  graph: Graph,
  opType: string,
  inputs: (Value | undefined)[],
  names: string[],
  attributes = {},
): Value[] =>
  graph.addNode({ opType, inputs, outputs: names, attributes }).outputs.filter((value) => value !== undefined)

/** The rank of what a Reshape by a computed shape gives can't be known. */
export function rankless(graph: Graph, x: Value): Value {
  return add(graph, 'Reshape', [x, add(graph, 'Shape', [x], 'shape')], 'rankless')
}

export const cube = [2, 3, 4]
export const image = [1, 2, 4, 4]
