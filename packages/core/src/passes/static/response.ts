import type { Node } from '../../graph/node'
import type { Value } from '../../graph/value'
import { constantOf } from '../facts'

/** What becomes of each number of a value. */
export type Response = (x: number) => number

/** So many nodes are looked at behind a value; activation functions in pieces have up to eight. */
const FARTHEST = 12

/**
 * The function of one number that all readers of a value apply to it together, as far as it goes: HardSwish, or the Add,
 * Clip, Mul and Div that it was exported as. What the function makes no difference of needs no steps of its own: below -3
 * HardSwish gives 0.
 * @returns undefined where readers do anything else with it, or nothing but scale it
 */
export function responseOf(value: Value): Response | undefined {
  const inside = new Map<Value, Response>([[value, (x) => x]])
  const nodes = new Set<Node>()
  const waiting = [value]
  let response: Response | undefined
  let curved = false
  for (let at = waiting.pop(); at !== undefined && nodes.size < FARTHEST; at = waiting.pop()) {
    for (const { node } of at.uses) {
      if (nodes.has(node) || node.graph !== value.graph) continue
      const [output] = node.outputs
      const made = output === undefined ? undefined : applied(node, inside)
      if (output === undefined || made === undefined) continue
      nodes.add(node)
      inside.set(output, made)
      curved ||= !linear.has(node.opType) || node.inputs.every((input) => input && inside.has(input))
      waiting.unshift(output)
      if (closes(output, inside, nodes)) response = made
    }
  }
  return curved ? response : undefined
}

/** Everything leads to `output`, and from there on. */
function closes(output: Value, inside: ReadonlyMap<Value, Response>, nodes: ReadonlySet<Node>): boolean {
  for (const value of inside.keys()) {
    if (value === output) continue
    if (value.isOutput || !value.uses.every(({ node }) => nodes.has(node))) return false
  }
  return true
}

const linear = new Set(['Add', 'Sub', 'Mul', 'Div', 'Neg'])

/** The function up to the output of a node, of which every input is inside or one constant number. */
function applied(node: Node, inside: ReadonlyMap<Value, Response>): Response | undefined {
  const make = node.domain === '' ? functions[node.opType] : undefined
  if (make === undefined) return undefined
  const operands: Response[] = []
  for (const input of node.inputs) {
    const response = input === undefined ? undefined : (inside.get(input) ?? constantResponse(input))
    if (input !== undefined && response === undefined) return undefined
    operands.push(response ?? (() => Number.NaN))
  }
  return make(node, operands)
}

function constantResponse(value: Value): Response | undefined {
  const tensor = constantOf(value)
  if (tensor?.dataType !== 'float32' || tensor.size !== 1) return undefined
  const [number = 0] = tensor.float32()
  return () => number
}

type Make = (node: Node, operands: readonly Response[]) => Response | undefined

const unary =
  (apply: Response): Make =>
  (_, [input]) =>
    input && ((x) => apply(input(x)))

const binary =
  (apply: (a: number, b: number) => number): Make =>
  (_, [a, b]) =>
    a && b && ((x) => apply(a(x), b(x)))

const sigmoid: Response = (x) => 1 / (1 + Math.exp(-x))
const between = (x: number, low: number, high: number) => Math.min(high, Math.max(low, x))

const functions: Readonly<Record<string, Make>> = {
  Add: binary((a, b) => a + b),
  Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b),
  Div: binary((a, b) => a / b),
  Neg: unary((x) => -x),
  Relu: unary((x) => Math.max(0, x)),
  Sigmoid: unary(sigmoid),
  Tanh: unary(Math.tanh),
  Erf: unary(erf),
  Softplus: unary((x) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(0, x)),
  HardSwish: unary((x) => x * between(x / 6 + 0.5, 0, 1)),
  HardSigmoid: (node, [input]) => {
    const [alpha, beta] = [node.float('alpha', 0.2), node.float('beta', 0.5)]
    return input && ((x) => between(alpha * input(x) + beta, 0, 1))
  },
  LeakyRelu: (node, [input]) => {
    const alpha = node.float('alpha', 0.01)
    return input && ((x) => Math.max(0, input(x)) + alpha * Math.min(0, input(x)))
  },
  Clip: (node, [input, low, high]) => {
    if (input === undefined) return undefined
    const bound = (given: Response | undefined, attribute: string, none: number) => {
      const number = given?.(0) ?? node.float(attribute, none)
      return Number.isNaN(number) ? none : number
    }
    const least = bound(low, 'min', Number.NEGATIVE_INFINITY)
    const most = bound(high, 'max', Number.POSITIVE_INFINITY)
    return (x) => between(input(x), least, most)
  },
}

/** To 1.5e-7: Abramowitz & Stegun, "Handbook of Mathematical Functions", 7.1.26. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x))
  const sum = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
  return Math.sign(x) * (1 - sum * Math.exp(-x * x))
}
