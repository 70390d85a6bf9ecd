import type { Node } from '../../graph/node'
import type { Value } from '../../graph/value'
import { rankOf } from '../facts'

/** What reads a matrix so that MatMulNBits and GatherBlockQuantized can take it over. */
export interface MatrixReaders {
  /** The matrix is [K, N], so that rows of blocks are its columns. */
  readonly transposed: boolean
  /** MatMul and Gemm nodes with it as right operand, directly or transposed. */
  readonly products: readonly Node[]
  /** Transposes that lead to them. */
  readonly turns: readonly Node[]
  /** Gather nodes along its first axis. */
  readonly lookups: readonly Node[]
}

/** @returns a reason where a reader has no such form */
export function matrixReaders(value: Value, dims: readonly number[]): MatrixReaders | string {
  if (dims.length !== 2) return 'is no matrix'
  const products: Node[] = []
  const turns: Node[] = []
  const lookups: Node[] = []
  const orders = new Set<boolean>()
  for (const { node, index } of value.uses) {
    const order = productOrder(node, index)
    if (order !== undefined) {
      orders.add(order)
      products.push(node)
    } else if (isLookup(node, index)) {
      orders.add(false)
      lookups.push(node)
    } else if (isTurn(node)) {
      const [turned] = node.outputs
      if (turned === undefined || turned.isOutput) return 'is an output when transposed'
      for (const use of turned.uses) {
        const turnedOrder = productOrder(use.node, use.index)
        if (turnedOrder === undefined) return `is transposed for ${use.node.opType}`
        orders.add(!turnedOrder)
        products.push(use.node)
      }
      turns.push(node)
    } else return `is read by ${node.opType}`
  }
  const [transposed = false] = orders
  if (orders.size > 1) return 'is read both as it is and transposed'
  return { transposed, products, turns, lookups }
}

/** Whether a matrix that comes in here is [K, N] (true) or [N, K]; undefined where it is no right operand. */
function productOrder(node: Node, index: number): boolean | undefined {
  if (node.domain !== '' || index !== 1) return undefined
  const [left] = node.inputs
  if (left === undefined || left === node.inputs[1]) return undefined
  if (node.opType === 'MatMul') return rankOf(left) === 1 ? undefined : true
  if (node.opType !== 'Gemm' || node.int('transA', 0) === 1 || node.float('alpha', 1) !== 1) return undefined
  if (node.inputs[2] !== undefined && node.float('beta', 1) !== 1) return undefined
  return node.int('transB', 0) === 0
}

const isLookup = (node: Node, index: number): boolean =>
  node.domain === '' && node.opType === 'Gather' && index === 0 && [0, -2].includes(node.int('axis', 0))

const isTurn = (node: Node): boolean =>
  node.domain === '' && node.opType === 'Transpose' && (node.ints('perm')?.join() ?? '1,0') === '1,0'
