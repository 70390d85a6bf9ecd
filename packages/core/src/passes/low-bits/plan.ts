import type { Model } from '../../graph/model'
import type { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { blocksPerRow } from '../../kernels/blocks'
import {
  absMaxPerChannel,
  type ChannelLayout,
  channelLayout,
  int8Noise,
  symmetricScales,
} from '../../kernels/int8'
import { type Grid, levelsOf } from '../../kernels/levels'
import { squaredError } from '../../kernels/power-of-two'
import { rangeGrid } from '../../kernels/range-grid'
import { toRows } from '../../kernels/row-order'
import { keepMatcher, nameMatcher } from '../keep'
import type { Skipped } from '../pass'
import { channelsOf } from '../weight-axis'
import { type Form, formOf, storedBytes } from './form'
import { isPlainInt8 } from './int8'
import type { WeightOptions } from './options'
import type { Scratch } from './scratch'

/** A weight that is going to be quantized. */
export interface Plan {
  readonly value: Value
  readonly tensor: Tensor
  readonly form: Form
  /** Of plain int8: one scale a channel. */
  readonly int8: Int8Plan | undefined
  /** Its data was looked at, and is finite. */
  readonly read: boolean
  /** Power of the rounding noise, as a share of the power of the weights; 0 where nothing is to be spared. */
  readonly noise: number
}

export interface Int8Plan {
  readonly axis: number | undefined
  readonly layout: ChannelLayout
  /** Undefined where they're to be chosen when the weight is written. */
  readonly scales: Float32Array | undefined
}

/** What dequantizes is no weight any more; its scales and zero points never were. */
const dequantizers = new Set(['DequantizeLinear', 'MatMulNBits', 'GatherBlockQuantized', 'QuantizeLinear'])

/** Whether operators that aren't listed read a weight. */
const others = (value: Value, operators: readonly string[]): boolean =>
  operators.length > 0 && value.uses.some(({ node }) => !operators.includes(node.opType))

/**
 * Weights that can be quantized as the options say. A tensor's data is read, one at a time, and not kept.
 * @param trusting they are finite: data that nothing else is wanted of is not read
 */
export function plansFor(
  model: Model,
  options: WeightOptions,
  skipped: Skipped[],
  scratch: Scratch,
  trusting: boolean,
): Plan[] {
  const read = !trusting || options.spare > 0 || options.method !== 'rtn' || options.scale !== 'float'
  const kept = keepMatcher(options.keep)
  const keptByName = nameMatcher(options.keep)
  const plans: Plan[] = []
  for (const value of model.initializers()) {
    const tensor = value.initializer
    if (tensor?.dataType !== 'float32' || tensor.dims.length < 2) continue
    if (tensor.size === 0 || tensor.size < options.minElements) continue
    if (value.uses.some(({ node }) => dequantizers.has(node.opType))) continue
    if (others(value, options.operators)) continue
    const channels = channelsOf(value, tensor.dims)
    const reason =
      channels.reason ??
      (value.isConstant ? undefined : 'is the default of an input') ??
      (keptByName(value.name) || value.uses.some(({ node }) => kept(node)) ? 'is to be kept' : undefined)
    const form = reason ?? formOf(value, tensor, channels.axis, options, model.opset())
    const plan =
      typeof form === 'string'
        ? form
        : saves(value, tensor, form, options)
          ? read
            ? planOf(value, tensor, form, options, scratch)
            : unreadPlan(value, tensor, form, options)
          : 'would be no smaller than as float16'
    if (typeof plan === 'string') skipped.push({ node: value.name, reason: plan })
    else plans.push(plan)
  }
  return plans
}

/**
 * Smaller than as float16 with a Cast, which would be more exact. The node and the scale's tensor take about 48 bytes
 * and a name more than a Cast does.
 */
function saves(value: Value, { size }: Tensor, form: Form, { symmetric }: WeightOptions): boolean {
  return size * 2 > storedBytes(form, symmetric) + 48 + value.name.length
}

function unreadPlan(value: Value, tensor: Tensor, form: Form, options: WeightOptions): Plan {
  const plain = form.kind === 'dequantize' && isPlainInt8(options)
  const int8 = plain
    ? { axis: form.axis, layout: channelLayout(tensor.dims, form.axis), scales: undefined }
    : undefined
  return { value, tensor, form, int8, read: false, noise: 0 }
}

function planOf(
  value: Value,
  tensor: Tensor,
  form: Form,
  options: WeightOptions,
  scratch: Scratch,
): Plan | string {
  const data = scratch.float32(tensor)
  if (form.kind === 'dequantize' && isPlainInt8(options)) {
    const layout = channelLayout(tensor.dims, form.axis)
    const maxima = absMaxPerChannel(data, layout)
    if (maxima.includes(Number.NaN)) return 'holds NaN or infinity'
    const int8 = { axis: form.axis, layout, scales: symmetricScales(maxima) }
    return {
      value,
      tensor,
      form,
      int8,
      read: true,
      noise: options.spare > 0 ? int8Noise(data, layout, maxima) : 0,
    }
  }
  const whole = absMaxPerChannel(data, channelLayout(tensor.dims, undefined))
  if (whole.includes(Number.NaN)) return 'holds NaN or infinity'
  const noise = options.spare > 0 ? noiseOf(data, form, options) : 0
  return { value, tensor, form, int8: undefined, read: true, noise }
}

/** What rounding to nearest adds, whatever the method: it is the order of the weights that counts. */
function noiseOf(data: Float32Array, { order, layout }: Form, { symmetric }: WeightOptions): number {
  const rows = toRows(data, order)
  const levels = levelsOf(layout.bits, symmetric)
  const grid: Grid = { scale: 0, zero: 0 }
  let noise = 0
  for (let row = 0; row < layout.rows; row++) {
    for (let block = 0; block < blocksPerRow(layout); block++) {
      const first = block * layout.blockSize
      const group = {
        data: rows,
        start: row * layout.columns + first,
        count: Math.min(layout.blockSize, layout.columns - first),
      }
      rangeGrid(group, levels, grid)
      noise += squaredError(group, grid.scale, grid.zero, levels.most)
    }
  }
  let signal = 0
  for (const weight of rows) signal += weight * weight
  return signal === 0 ? 0 : noise / signal
}

export const decibels = (noise: number): string => (-10 * Math.log10(noise)).toFixed(1)

/**
 * Rounding noises of layers are independent, so their powers add up on the way to the output; that every layer's share
 * of it is as large as its weights' noise is the best guess without data. A weight that stays takes its noise out of the
 * sum for the bytes that it costs.
 */
export function noisiest(plans: readonly Plan[], share: number): ReadonlySet<Plan> {
  let left = share * plans.reduce((size, { tensor }) => size + tensor.size, 0)
  const spared = new Set<Plan>()
  for (const plan of [...plans].sort((a, b) => b.noise / b.tensor.size - a.noise / a.tensor.size)) {
    if (plan.tensor.size > left) continue
    spared.add(plan)
    left -= plan.tensor.size
  }
  return spared
}
