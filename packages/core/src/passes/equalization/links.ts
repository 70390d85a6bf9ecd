import type { Node } from '../../graph/node'
import type { Value } from '../../graph/value'
import { onlyReader, perChannel } from '../channel-affine'
import { constantOf } from '../facts'
import { type LinearLayer, linearLayer } from '../linear-layers'

/** Two layers of which the second alone reads the first, through operators that let a positive factor of a channel pass. */
export interface Link {
  readonly from: LinearLayer
  readonly to: LinearLayer
  /** How many features of `to`, one after the other, are one channel of `from`. */
  readonly width: number
  /** Constants that are added to the channels in between. */
  readonly shifts: readonly Value[]
}

/** f(s x) = s f(x) for s > 0, element by element. */
const homogeneous = new Set(['Relu', 'LeakyRelu', 'Identity'])
/** The same for pictures, channel by channel. */
const pools = new Set(['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'])

/** Number of output channels. */
export const channelsOf = ({ groups, outputs }: LinearLayer): number => groups * outputs

/** A constant that nothing else reads, so that it may change. */
export const isOwn = (value: Value): boolean =>
  value.isConstant && !value.isInput && !value.isOutput && value.uses.length === 1

/** A layer whose weight and bias may change. */
export function ownLayer(node: Node): LinearLayer | undefined {
  const layer = linearLayer(node)
  if (layer === undefined || !isOwn(layer.weight)) return undefined
  if (layer.kind === 'MatMul' && layer.inputIndex !== 0) return undefined
  if (layer.bias === undefined) return layer
  const bias = constantOf(layer.bias)
  return bias?.dataType === 'float32' && bias.size === channelsOf(layer) && isOwn(layer.bias)
    ? layer
    : undefined
}

/**
 * What follows a layer.
 * @returns the node that keeps a factor from passing, where there is one before the next layer
 */
export function linkFrom(node: Node): Link | Node | undefined {
  const from = ownLayer(node)
  if (from === undefined) return undefined
  const channels = channelsOf(from)
  let pictures = from.kind === 'Conv' || from.kind === 'ConvTranspose'
  const shifts: Value[] = []
  for (let use = onlyReader(node.outputs[0]); use !== undefined; use = onlyReader(use.node.outputs[0])) {
    const next = use.node
    if (next.domain !== '') return undefined
    const to = ownLayer(next)
    if (to !== undefined) {
      if (to.inputIndex !== use.index || pictures !== (to.kind === 'Conv' || to.kind === 'ConvTranspose'))
        return undefined
      const width = (to.groups * to.features) / channels
      return Number.isInteger(width) && width > 0 ? { from, to, width, shifts } : undefined
    }
    if (homogeneous.has(next.opType)) continue
    if (pictures && pools.has(next.opType) && next.outputs.length === 1) continue
    if (pictures && next.opType === 'Flatten' && next.int('axis', 1) === 1) {
      pictures = false
      continue
    }
    const shift = next.opType === 'Add' ? next.inputs[1 - use.index] : undefined
    const place = { channels, rank: 1, fromEnd: 1 }
    if (shift === undefined || pictures || !isOwn(shift) || constantOf(shift)?.size !== channels) return next
    if (perChannel(constantOf(shift), place) === undefined) return next
    shifts.push(shift)
  }
  return undefined
}
