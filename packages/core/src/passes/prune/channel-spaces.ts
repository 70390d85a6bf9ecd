import type { Graph } from '../../graph/graph'
import type { Node } from '../../graph/node'
import type { Value } from '../../graph/value'
import { constantOf } from '../facts'

/** A constant that has to lose the same channels. */
export interface Slice {
  readonly value: Value
  readonly axis: number
  /**
   * makes: its slices make the channel. reads: they multiply it. follows: biases, normalization and the like.
   */
  readonly role: 'makes' | 'reads' | 'follows'
  readonly node: Node
}

/** Channels that can only go together: of one value, and of all that are added to it or computed from it one by one. */
export class Space {
  readonly size: number
  readonly slices: Slice[] = []
  /** Values that have these channels. */
  readonly values: Value[] = []
  /** Depthwise convolutions, whose number of groups is that of the channels. */
  readonly depthwise: Node[] = []
  /** Reshape nodes whose shape names the number of features. */
  readonly reshapes: Node[] = []
  blocked: string | undefined
  #merged: Space | undefined

  constructor(size: number) {
    this.size = size
  }

  /** The space that it has become a part of. */
  get root(): Space {
    return this.#merged?.root ?? this
  }

  block(reason: string): void {
    this.root.blocked ??= reason
  }

  merge(other: Space): void {
    const [into, from] = [this.root, other.root]
    if (into === from) return
    into.slices.push(...from.slices)
    into.values.push(...from.values)
    into.depthwise.push(...from.depthwise)
    into.reshapes.push(...from.reshapes)
    into.blocked ??= from.blocked
    from.#merged = into
  }
}

/** Where a value has its channels. */
export interface Channels {
  readonly space: Space
  /** Which axis, counted from the last, which is 1. */
  readonly fromRight: number
  /** Dimensions of the value; undefined where it isn't known. */
  readonly rank: number | undefined
  /** Each channel is a run of several features, as after Flatten; how many, whoever reads them knows. */
  readonly flattened: boolean
}

const unary = new Set(
  'Abs BatchNormalization Cast Celu Clip Dropout Elu Erf Exp Gelu HardSigmoid HardSwish Identity LeakyRelu Mish Neg Relu Reciprocal Selu Sigmoid Softplus Softsign Sqrt Tanh ThresholdedRelu'.split(
    ' ',
  ),
)
/** They work on each channel alone; a Resize does where it is given scales and not sizes. */
const pools = new Set('AveragePool GlobalAveragePool GlobalMaxPool MaxPool Resize Upsample'.split(' '))
const binary = new Set('Add Div Max Min Mul Pow Sub'.split(' '))

const isFloat = (value: Value | undefined): value is Value =>
  value?.isConstant === true && value.initializer?.dataType === 'float32'

/** Spaces of the channels that layers of one graph make, those that can't be cut with a reason. */
export function channelSpaces(graph: Graph): Space[] {
  const walk = new Walk(graph)
  for (const node of graph.nodes) walk.visit(node)
  return walk.finish()
}

class Walk {
  readonly #known = new Map<Value, Channels>()
  readonly #spaces: Space[] = []
  readonly #sliced = new Map<Value, number>()
  readonly #graph: Graph

  constructor(graph: Graph) {
    this.#graph = graph
  }

  finish(): Space[] {
    for (const [value, { space }] of this.#known) {
      if (value.isOutput) space.block('is, or becomes, an output of its graph')
      if (value.uses.some(({ node }) => node.graph !== this.#graph))
        space.block('is read inside of a branch or loop')
    }
    const roots = this.#spaces.filter((space) => space.root === space)
    for (const space of roots) {
      for (const { value } of space.slices) {
        if (this.#sliced.get(value) !== value.uses.length || value.isOutput)
          space.block(`${value.name} has other readers`)
      }
      if (!space.slices.some(({ role }) => role === 'reads')) space.block('nothing multiplies it')
    }
    return roots
  }

  visit(node: Node): void {
    const handled = node.domain === '' && this.#handle(node)
    if (handled) return
    for (const input of node.inputs) this.#of(input)?.space.block(`goes into ${node.opType}`)
  }

  /** @returns false where the channels of its inputs can't be followed through it */
  #handle(node: Node): boolean {
    const { opType } = node
    if (opType === 'Conv') return this.#conv(node)
    if (opType === 'ConvTranspose') return this.#convTranspose(node)
    if (opType === 'Gemm') return this.#gemm(node)
    if (opType === 'MatMul') return this.#matMul(node)
    if (unary.has(opType)) return this.#unary(node)
    if (pools.has(opType)) return this.#pool(node)
    if (binary.has(opType)) return this.#binary(node)
    if (opType === 'Flatten' || opType === 'Reshape') return this.#flatten(node)
    if (opType === 'ReduceMean') return this.#reduce(node)
    return false
  }

  #of(value: Value | undefined): Channels | undefined {
    return value && this.#known.get(value)
  }

  #set(value: Value | undefined, channels: Channels): boolean {
    if (value === undefined) return false
    this.#known.set(value, channels)
    channels.space.root.values.push(value)
    return true
  }

  #slice(space: Space, node: Node, value: Value, axis: number, role: Slice['role']): void {
    space.root.slices.push({ value, axis, role, node })
  }

  #read(value: Value): void {
    this.#sliced.set(value, (this.#sliced.get(value) ?? 0) + 1)
  }

  #make(
    node: Node,
    weight: Value,
    axis: number,
    bias: Value | undefined,
    fromRight: number,
    rank?: number,
  ): boolean {
    const size = weight.initializer?.dims[axis] ?? 0
    const space = new Space(size)
    this.#spaces.push(space)
    this.#slice(space, node, weight, axis, 'makes')
    if (bias !== undefined && !this.#follow(node, bias, { space, fromRight: 1, rank, flattened: false })) {
      space.block('its bias is no constant of one value a channel')
    }
    return this.#set(node.outputs[0], { space, fromRight, rank, flattened: false })
  }

  /** A constant that goes with the channels by broadcasting; false where it doesn't fit. */
  #follow(node: Node, value: Value, { space, fromRight }: Channels): boolean {
    const { dims = [], size = 0 } = constantOf(value) ?? {}
    const axis = dims.length - fromRight
    if (size === 0) return false
    if (size === 1 || axis < 0 || dims[axis] === 1) return true
    if (dims[axis] !== space.root.size || !isFloat(value)) return false
    this.#slice(space, node, value, axis, 'follows')
    this.#read(value)
    return true
  }

  /** The weight of a layer that reads channels: its axis loses them, too. */
  #reads(node: Node, weight: Value, axis: number, input: Channels | undefined, fromRight: number): boolean {
    if (input === undefined) return true
    const features = weight.initializer?.dims[axis] ?? 0
    const whole = input.flattened
      ? features % input.space.root.size === 0
      : features === input.space.root.size
    if (input.fromRight !== fromRight || !whole) return false
    this.#slice(input.space, node, weight, axis, 'reads')
    return true
  }

  #conv(node: Node): boolean {
    const [x, weight, bias] = node.inputs
    const input = this.#of(x)
    if (!isFloat(weight)) return false
    const dims = weight.initializer?.dims ?? []
    const groups = node.int('group', 1)
    const fromRight = dims.length - 1
    if (groups === 1) {
      if (!this.#reads(node, weight, 1, input, fromRight)) return false
      this.#read(weight)
      return this.#make(node, weight, 0, bias, fromRight, dims.length)
    }
    if (input === undefined) return true
    // Depthwise: each channel is computed from itself.
    if (
      dims[1] !== 1 ||
      dims[0] !== groups ||
      input.fromRight !== fromRight ||
      groups !== input.space.root.size
    )
      return false
    if (bias !== undefined && !this.#follow(node, bias, { ...input, fromRight: 1 })) return false
    this.#slice(input.space, node, weight, 0, 'makes')
    this.#read(weight)
    input.space.root.depthwise.push(node)
    return this.#set(node.outputs[0], input)
  }

  #convTranspose(node: Node): boolean {
    const [x, weight, bias] = node.inputs
    const dims = weight?.initializer?.dims ?? []
    if (!isFloat(weight) || node.int('group', 1) !== 1) return false
    if (!this.#reads(node, weight, 0, this.#of(x), dims.length - 1)) return false
    this.#read(weight)
    return this.#make(node, weight, 1, bias, dims.length - 1, dims.length)
  }

  #gemm(node: Node): boolean {
    const [x, weight, bias] = node.inputs
    if (!isFloat(weight) || node.int('transA', 0) === 1 || this.#of(bias) !== undefined) return false
    const transposed = node.int('transB', 0) === 1
    if (!this.#reads(node, weight, transposed ? 1 : 0, this.#of(x), 1)) return false
    this.#read(weight)
    return this.#make(node, weight, transposed ? 0 : 1, bias, 1, 2)
  }

  #matMul(node: Node): boolean {
    const [x, weight] = node.inputs
    const input = this.#of(x)
    if (!isFloat(weight) || weight.initializer?.dims.length !== 2) return false
    if (!this.#reads(node, weight, 0, input, 1)) return false
    this.#read(weight)
    return this.#make(node, weight, 1, undefined, 1)
  }

  #unary(node: Node): boolean {
    const [x, ...others] = node.inputs
    const input = this.#of(x)
    if (input === undefined) return true
    if (
      node.outputs
        .slice(1)
        .some((output) => output !== undefined && (output.uses.length > 0 || output.isOutput))
    )
      return false
    if (node.opType === 'BatchNormalization') {
      if (input.flattened || input.rank === undefined || input.fromRight !== input.rank - 1) return false
      for (const other of others)
        if (other === undefined || !this.#follow(node, other, { ...input, fromRight: 1 })) return false
    } else if (others.some((other) => this.#of(other) !== undefined)) return false
    return this.#set(node.outputs[0], input)
  }

  #pool(node: Node): boolean {
    const input = this.#of(node.inputs[0])
    if (input === undefined) return true
    if (input.rank === undefined || input.fromRight !== input.rank - 1 || input.flattened) return false
    if (node.outputs[1] !== undefined || node.inputs[3] !== undefined) return false
    return this.#set(node.outputs[0], input)
  }

  #binary(node: Node): boolean {
    const [a, b] = node.inputs
    const [left, right] = [this.#of(a), this.#of(b)]
    if (left !== undefined && right !== undefined) {
      if (left.fromRight !== right.fromRight || left.flattened || right.flattened) return false
      if (left.space.root.size !== right.space.root.size) return false
      left.space.merge(right.space)
      return this.#set(node.outputs[0], left.rank === undefined ? right : left)
    }
    const known = left ?? right
    const other = left === undefined ? a : b
    if (known === undefined) return true
    if (other === undefined || known.flattened || !this.#follow(node, other, known)) return false
    return this.#set(node.outputs[0], known)
  }

  #flatten(node: Node): boolean {
    const input = this.#of(node.inputs[0])
    if (input === undefined) return true
    const { rank, fromRight, space } = input
    if (rank === undefined || fromRight !== rank - 1) return false
    if (node.opType === 'Reshape' && !this.#flattens(node, space.root)) return false
    if (node.opType === 'Flatten' && node.int('axis', 1) !== 1) return false
    if (node.opType === 'Reshape') space.root.reshapes.push(node)
    return this.#set(node.outputs[0], { space, fromRight: 1, rank: 2, flattened: true })
  }

  /** A Reshape to [batch, features] that keeps the batch. */
  #flattens(node: Node, { size }: Space): boolean {
    const [x, shape] = node.inputs
    if (shape?.initializer === undefined || !shape.isConstant || shape.initializer.dims[0] !== 2) return false
    const [batch = 0, features = 0] = shape.initializer.ints()
    if (batch === 0 && node.int('allowzero', 0) === 0) return features === -1 || features % size === 0
    if (features === -1) return false
    const known = x?.type?.kind === 'tensor' ? x.type.shape : undefined
    const rest = known?.slice(1) ?? []
    return rest.length > 0 && rest.every((dim) => typeof dim === 'number') && product(rest) === features
  }

  /** The mean over all but batch and channels. */
  #reduce(node: Node): boolean {
    const input = this.#of(node.inputs[0])
    if (input === undefined) return true
    const { rank, fromRight } = input
    const axes = node.ints('axes') ?? node.inputs[1]?.initializer?.ints()
    if (rank === undefined || axes === undefined || fromRight !== rank - 1) return false
    const reduced = axes.map((axis) => (axis < 0 ? axis + rank : axis))
    if (reduced.some((axis) => axis < 2)) return false
    if (node.int('keepdims', 1) === 1) return this.#set(node.outputs[0], input)
    const left = rank - reduced.length
    return this.#set(node.outputs[0], { ...input, fromRight: left - 1, rank: left })
  }
}

const product = (dims: readonly unknown[]): number =>
  dims.reduce<number>((size, dim) => size * Number(dim), 1)
