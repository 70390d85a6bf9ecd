import type { Graph } from '../../graph/graph'
import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import type { Tensor } from '../../graph/tensor'
import type { Use, Value } from '../../graph/value'
import { float16Fit } from '../../kernels/float16'
import type { DataType } from '../../onnx/data-types'
import { castTarget } from '../facts'
import type { Scratch } from '../low-bits/scratch'
import type { Skipped } from '../pass'
import { inferTypes } from '../types/infer'
import { type Boundary, boundariesOf } from './boundaries'
import {
  boundInputs,
  float32Inputs,
  float32Operators,
  indifferentOperators,
  lightOperators,
  microsoftHalf,
  movingOperators,
  squaringOperators,
  unsureOperators,
  wideOperators,
} from './operators'

/** Values beyond it leave no room for sums of them: 65504 / 128. */
const LARGEST = 512
/** Where the operator squares what it reads: about the square root of the other. */
const LARGEST_SQUARED = 22
/** Of values that are all smaller, half a step of float16 loses more than rounding normally does. */
const SMALLEST = 2 ** -13
/** Constants of fewer bytes are worth no casts. */
const LARGE = 1024

export interface PlanOptions {
  /** The user wants the node as it is. */
  kept(node: Node): boolean
  /** The same for a weight. */
  keptWeight(name: string): boolean
  /** Memory that weights are read into. */
  readonly scratch: Scratch
  /** Absent without calibration. */
  readonly magnitudes?: ReadonlyMap<Value, number>
}

/** Which nodes compute in float16, and what type values have because of it. */
export class Plan {
  readonly types: ReadonlyMap<Value, DataType | undefined>
  readonly skipped: Skipped[] = []
  readonly scratch: Scratch
  readonly #half = new Set<Node>()
  readonly #boundaries: readonly Boundary[]
  readonly #halfBoundaries = new Set<Boundary>()
  readonly #ofValue = new Map<Value, Boundary>()
  readonly #ofSlot = new Map<Graph, Map<number, Boundary>>()
  readonly #ofUse = new Map<Node, Map<number, Boundary>>()
  readonly #options: PlanOptions
  /** From opset 17 on, onnxruntime makes ONNX's own LayerNormalization of one in pieces, which has one type throughout. */
  readonly #fusesWhole: boolean
  readonly #fits = new Map<Tensor, ReturnType<typeof float16Fit>>()

  constructor(model: Model, options: PlanOptions) {
    this.#options = options
    this.#fusesWhole = model.opset() >= 17
    this.scratch = options.scratch
    this.types = inferTypes(model)
    this.#boundaries = boundariesOf(model).filter((each) => this.#isFloat(each))
    this.#index()
    for (const node of model.nodes()) if (this.#computesHalf(node)) this.#half.add(node)
    this.#settle()
  }

  get size(): number {
    return this.#half.size
  }

  nodes(): Iterable<Node> {
    return this.#half
  }

  isHalf(node: Node): boolean {
    return this.#half.has(node)
  }

  /** A value that is float32 now will be float16; initializers aside. */
  isHalfValue(value: Value): boolean {
    if (this.types.get(value) !== 'float32' || value.initializer !== undefined) return false
    const boundary = this.#ofValue.get(value)
    if (boundary !== undefined) return this.#halfBoundaries.has(boundary)
    return value.producer !== undefined && this.#half.has(value.producer)
  }

  /** What a node will want at an input that is float32 now; undefined where it takes anything. */
  wanted({ node, index }: Use): 'float16' | 'float32' | undefined {
    const boundary = this.#ofUse.get(node)?.get(index)
    if (boundary !== undefined) return this.#halfBoundaries.has(boundary) ? 'float16' : 'float32'
    if (node.domain === '' && indifferentOperators.has(node.opType)) return undefined
    return this.#half.has(node) && !float32Inputs[node.opType]?.includes(index) ? 'float16' : 'float32'
  }

  /** The same for an output of a graph. */
  wantedOutput(graph: Graph, index: number): 'float16' | 'float32' {
    const boundary = this.#ofSlot.get(graph)?.get(index)
    return boundary !== undefined && this.#halfBoundaries.has(boundary) ? 'float16' : 'float32'
  }

  fitOf(tensor: Tensor): ReturnType<typeof float16Fit> {
    let fit = this.#fits.get(tensor)
    if (fit === undefined) {
      fit = float16Fit(this.scratch.float32(tensor))
      this.#fits.set(tensor, fit)
    }
    return fit
  }

  #isFloat({ values, slots }: Boundary): boolean {
    const inside = slots.map(({ graph, index }) => graph.outputs[index])
    return [...values, ...inside].every((value) => value !== undefined && this.types.get(value) === 'float32')
  }

  #index(): void {
    const put = <K>(map: Map<K, Map<number, Boundary>>, key: K, index: number, boundary: Boundary) => {
      const inner = map.get(key) ?? new Map<number, Boundary>()
      map.set(key, inner.set(index, boundary))
    }
    for (const boundary of this.#boundaries) {
      for (const value of boundary.values) this.#ofValue.set(value, boundary)
      for (const { graph, index } of boundary.slots) put(this.#ofSlot, graph, index, boundary)
      for (const { node, index } of boundary.uses) put(this.#ofUse, node, index, boundary)
      const inside = boundary.slots.map(({ graph, index }) => graph.outputs[index])
      const fits = [...boundary.values, ...inside].every((value) => {
        return value !== undefined && (value.isConstant || this.#rangeReason(value, LARGEST) === undefined)
      })
      if (fits) this.#halfBoundaries.add(boundary)
    }
  }

  #computesHalf(node: Node): boolean {
    const floats = [...node.inputs, ...node.outputs].filter(
      (value) => value !== undefined && this.types.get(value) === 'float32',
    )
    // A Constant that is left is an output of its graph.
    if (floats.length === 0 || node.subgraphs().length > 0 || node.opType === 'Constant') return false
    if (!node.outputs.some((value) => value !== undefined && this.types.get(value) === 'float32'))
      return false
    if (!this.#hasHalfForm(node)) return false
    const reason = this.#reason(node)
    if (reason !== undefined) this.skipped.push({ node: node.label, reason })
    return reason === undefined
  }

  /** Operators that stay by their kind aren't named one by one. */
  #hasHalfForm(node: Node): boolean {
    const { opType, domain } = node
    if (domain === 'com.microsoft') return microsoftHalf.has(opType)
    if (domain !== '' || float32Operators.has(opType) || wideOperators.has(opType)) return false
    if (unsureOperators.has(opType) && !this.#isObserved(node)) return false
    if (divides(node) || movesBatch(node)) return false
    if (this.#fusesWhole && endsNormalization(node)) return false
    if (opType === 'LayerNormalization' && node.outputs.slice(1).some((value) => value !== undefined))
      return false
    if (opType !== 'Cast') return true
    // From whole numbers only where they are known to be small.
    const [input] = node.inputs
    const from = input && this.types.get(input)
    if (castTarget(node) !== 'float32' || from === undefined || /float/.test(from)) return false
    return from === 'bool' || this.#isObserved(node)
  }

  /** What a branch holds that no sample took isn't known. */
  #isObserved({ inputs, outputs }: Node): boolean {
    const { magnitudes } = this.#options
    if (magnitudes === undefined) return false
    return [...inputs, ...outputs].every((value) => {
      return (
        value === undefined ||
        value.isConstant ||
        this.types.get(value) !== 'float32' ||
        magnitudes.has(value)
      )
    })
  }

  #reason(node: Node): string | undefined {
    if (this.#options.kept(node)) return 'is to be kept'
    const limit = squaringOperators.has(node.opType) && node.domain === '' ? LARGEST_SQUARED : LARGEST
    for (const [index, input] of node.inputs.entries()) {
      if (input === undefined || this.types.get(input) !== 'float32') continue
      if (float32Inputs[node.opType]?.includes(index)) continue
      const tensor = input.isConstant ? input.initializer : undefined
      const bound = boundInputs[node.opType]?.includes(index)
      const reason =
        tensor === undefined
          ? this.#rangeReason(input, limit)
          : this.#options.keptWeight(input.name)
            ? 'its weight is to be kept'
            : bound
              ? undefined
              : this.#constantReason(input.name, tensor)
      if (reason !== undefined) return reason
    }
    for (const output of node.outputs) {
      const reason = output && this.types.get(output) === 'float32' && this.#rangeReason(output, LARGEST)
      if (reason) return reason
    }
    return undefined
  }

  #rangeReason(value: Value, limit: number): string | undefined {
    const magnitude = this.#options.magnitudes?.get(value)
    if (magnitude === undefined) return undefined
    if (!(magnitude <= limit)) return `${value.name} reaches ${magnitude.toPrecision(3)}, more than ${limit}`
    if (magnitude > 0 && magnitude < SMALLEST)
      return `${value.name} stays below ${magnitude.toExponential(1)}, too small for float16`
    return undefined
  }

  #constantReason(name: string, tensor: Tensor): string | undefined {
    const { largest } = this.fitOf(tensor)
    if (largest > LARGEST) return `${name} holds ${largest.toPrecision(3)}, more than ${LARGEST}`
    if (largest > 0 && largest < SMALLEST)
      return `${name}, up to ${largest.toExponential(1)}, is too small for float16`
    return undefined
  }

  /**
   * Takes nodes out again that would only be cast to and fro: with float32 before and behind them and no weights to
   * save; and nodes that only move what is float32 anyway. Boundaries go along with what is around them.
   */
  #settle(): void {
    for (let changed = true; changed; ) {
      changed = false
      for (const node of [...this.#half]) {
        if (this.#pays(node)) continue
        this.#half.delete(node)
        changed = true
      }
      for (const boundary of [...this.#halfBoundaries]) {
        if (this.#hasHalfNeighbour(boundary)) continue
        this.#halfBoundaries.delete(boundary)
        changed = true
      }
    }
  }

  #pays(node: Node): boolean {
    let moved = 0
    let float32 = 0
    for (const [index, input] of node.inputs.entries()) {
      if (input === undefined || this.types.get(input) !== 'float32') continue
      if (this.wanted({ node, index }) !== 'float16') continue
      if (input.isConstant) {
        if ((input.initializer?.byteLength ?? 0) >= LARGE) return true
        continue
      }
      moved++
      if (!this.isHalfValue(input)) float32++
    }
    const light = lightOperators.has(node.opType) && node.domain === ''
    if (float32 < moved && !light) return true
    if (float32 < moved) return this.#servesHalf(node) || !this.#servesFloat32(node)
    if (movingOperators.has(node.opType) && node.domain === '' && moved > 0) return false
    return this.#servesHalf(node)
  }

  #servesHalf({ outputs }: Node): boolean {
    return outputs.some((output) => output !== undefined && this.#hasHalfReader(output))
  }

  /** Computing nodes read it as float32; that the model gives it out as such doesn't count. */
  #servesFloat32({ outputs }: Node): boolean {
    return outputs.some((output) => output?.uses.some((use) => this.wanted(use) === 'float32'))
  }

  #hasHalfReader(value: Value): boolean {
    if (this.types.get(value) !== 'float32') return false
    if (value.uses.some((use) => this.wanted(use) === 'float16')) return true
    return this.#boundaries.some(
      (boundary) =>
        this.#halfBoundaries.has(boundary) &&
        boundary.slots.some(({ graph, index }) => graph.outputs[index] === value),
    )
  }

  #hasHalfNeighbour({ values, slots }: Boundary): boolean {
    const made = slots.map(({ graph, index }) => graph.outputs[index])
    if (made.some((value) => value !== undefined && this.#madeHalf(value))) return true
    return values.some((value) => value.uses.some(({ node }) => this.#half.has(node)))
  }

  #madeHalf(value: Value): boolean {
    return value.producer !== undefined && this.#half.has(value.producer)
  }
}

/** The division by a deviation, sqrt(variance + epsilon), of a normalization in pieces. */
function divides({ opType, inputs }: Node): boolean {
  const root = inputs[1]?.producer
  return opType === 'Div' && root?.opType === 'Sqrt' && root.inputs[0]?.producer?.opType === 'Add'
}

/** What gives a normalization in pieces its scale, and the shift after it. */
function endsNormalization({ opType, inputs }: Node): boolean {
  const makers = inputs.map((input) => input?.producer)
  if (opType === 'Mul') return makers.some((maker) => maker !== undefined && divides(maker))
  return opType === 'Add' && makers.some((maker) => maker?.opType === 'Mul' && endsNormalization(maker))
}

/**
 * A Transpose that MatMul reads and that moves the first axis to just before the last: as float16 it crashes
 * onnxruntime-node 1.30 when that optimizes all, which makes one FusedMatMul with transBatchA of the two.
 */
function movesBatch(node: Node): boolean {
  const perm = node.ints('perm')
  if (node.opType !== 'Transpose' || perm === undefined || perm.length < 3 || perm[0] !== 1) return false
  const [output] = node.outputs
  return output?.uses.some((use) => use.node.opType === 'MatMul') ?? false
}
