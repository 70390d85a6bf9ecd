import type { Model } from '../../graph/model'
import type { Value } from '../../graph/value'
import { type CalibratorOptions, calibrated } from '../../kernels/calibrators'
import { Histogram } from '../../kernels/histogram'
import { quantizationError, totalPower } from '../../kernels/least-error-range'
import type { Range } from '../../kernels/range'
import type { Calibration } from '../pass'
import { operators } from './operators'
import { boundsOfClamp, type Plan } from './plan'
import { responseOf } from './response'

export type ActivationType = 'uint8' | 'int8' | 'uint16'

/** x = (q - zeroPoint) * scale */
export interface Quantization {
  readonly type: ActivationType
  readonly scale: number
  readonly zeroPoint: number
}

/** Values that have a scale by the plan. */
export function quantizedValues(plan: Plan): Set<Value> {
  const values = new Set(plan.given)
  for (const [node, indices] of plan.readers)
    for (const index of indices) if (node.inputs[index] !== undefined) values.add(node.inputs[index])
  return values
}

/** Counts what the values hold on all samples, in one run over them. */
export async function countValues(
  model: Model,
  values: Iterable<Value>,
  calibration: Calibration,
): Promise<ReadonlyMap<Value, Histogram>> {
  const histograms = new Map<Value, Histogram>()
  for (const value of values) histograms.set(value, new Histogram())
  await calibration.observe(model, [...histograms.keys()], ({ value, data }) =>
    histograms.get(value)?.add(data),
  )
  return histograms
}

/** Of the range that was asked for: below it, what it cuts off is what mattered. */
const LEAST_ASKED = 12

/**
 * Why no scale is good for a value; undefined where one is.
 * @param least what the best range has to keep, in dB, of what becomes of the numbers
 */
export function unfitness(
  value: Value,
  histogram: Histogram,
  calibrator: CalibratorOptions,
  least: number,
): string | undefined {
  if (histogram.notFinite > 0) return 'reads or makes NaN or infinity'
  if (histogram.count === 0) return 'is not reached by the calibration data'
  const response = responseOf(value)
  const power = totalPower(histogram, response)
  if (power === 0) return undefined
  const kept = (options: CalibratorOptions) => {
    const range = calibrated(histogram, { ...options, response })
    return 10 * Math.log10(power / quantizationError(histogram, range, options.steps, response))
  }
  const best = kept({ ...calibrator, calibrator: 'mse' })
  const asked = calibrator.calibrator === 'mse' ? best : kept(calibrator)
  if (best >= least && asked >= Math.min(LEAST_ASKED, least)) return undefined
  return `its activations keep ${(best < least ? best : asked).toFixed(1)} dB in so few bits`
}

/** Scale and zero point of every value of the plan; values that share them are counted together. */
export function quantizations(
  plan: Plan,
  histograms: ReadonlyMap<Value, Histogram>,
  type: ActivationType,
  options: CalibratorOptions,
): ReadonlyMap<Value, Quantization> {
  const groups = new Map<Value, Value[]>()
  for (const value of quantizedValues(plan)) {
    const root = plan.representative(value)
    groups.set(root, [...(groups.get(root) ?? []), value])
  }
  const result = new Map<Value, Quantization>()
  for (const [root, members] of groups) {
    const counted = new Histogram()
    for (const member of members) {
      const histogram = histograms.get(member)
      if (histogram !== undefined) counted.merge(histogram)
    }
    const [only, ...others] = members
    const response = only === undefined || others.length > 0 ? undefined : responseOf(only)
    const range = calibrated(counted, { ...options, response })
    const quantization = quantizationFor(bounded(root, range), type)
    for (const member of members) result.set(member, quantization)
  }
  return result
}

/** Bounds that an operator sets hold for all inputs: where calibration has seen half of them, they are taken whole. */
function bounded(value: Value, range: Range): Range {
  const { producer } = value
  if (producer === undefined || producer.domain !== '') return range
  const choice = operators[producer.opType]
  if (choice?.role === 'clamp') {
    const [low, high] = boundsOfClamp(producer) ?? [range.low, range.high]
    return { low: Math.max(low, range.low), high: Math.min(high, range.high) }
  }
  if (choice?.bounds === undefined) return range
  const [low, high] = choice.bounds
  return range.high - range.low > (high - low) / 2 ? { low, high } : range
}

const lowest: Readonly<Record<ActivationType, number>> = { uint8: 0, int8: -128, uint16: 0 }
export const stepsOf = (type: ActivationType): number => (type === 'uint16' ? 65536 : 256)

/** Below it a scale would be subnormal in float32, or the range is empty. */
const SMALLEST_SCALE = 2 ** -126

/** 0 has a step of its own, so that padding and what Relu cuts off stay exact. */
export function quantizationFor({ low, high }: Range, type: ActivationType): Quantization {
  const steps = stepsOf(type)
  const scale = Math.fround((high - low) / (steps - 1))
  const least = lowest[type]
  if (!(scale >= SMALLEST_SCALE)) return { type, scale: 1, zeroPoint: least }
  const zeroPoint = least + Math.min(steps - 1, Math.max(0, Math.round(-low / scale)))
  return { type, scale, zeroPoint }
}
