import type { Model } from '../../graph/model'
import type { Calibration, Skipped } from '../pass'
import { awq } from './awq'
import { gptqWeight } from './gptq'
import { layersOf, type WeightLayers, weightGrams } from './layers'
import type { WeightOptions } from './options'
import type { Plan } from './plan'
import type { Prepared } from './prepared'

/**
 * Quantizes by gptq or awq the weights whose inputs the calibration data shows. Others, such as embeddings and recurrent
 * weights, aren't in the result: they get the scales of k-quant.
 */
export async function calibrated(
  model: Model,
  plans: readonly Plan[],
  options: WeightOptions,
  calibration: Calibration,
  skipped: Skipped[],
): Promise<ReadonlyMap<Plan, Prepared>> {
  const weights: WeightLayers[] = []
  for (const plan of plans) {
    const layers = layersOf(plan)
    if (typeof layers === 'string') {
      skipped.push({ node: plan.value.name, reason: `${layers}: its scales are those of k-quant` })
    } else if (layers !== undefined) weights.push(layers)
  }
  const failed = (reason: string) => {
    for (const { plan } of weights) skipped.push({ node: plan.value.name, reason })
    return new Map<Plan, Prepared>()
  }
  try {
    return await observed(model, weights, options, calibration)
  } catch (cause) {
    // An engine may refuse to show what is inside of graphs in graphs.
    const outside = weights.filter(({ layers }) => layers.every(({ node }) => node.graph === model.graph))
    const message = cause instanceof Error ? cause.message : String(cause)
    const reason = `could not be observed, its scales are those of k-quant: ${message}`
    if (outside.length === weights.length) return failed(reason)
    const inside = weights.filter((each) => !outside.includes(each))
    try {
      const prepared = await observed(model, outside, options, calibration)
      for (const { plan } of inside) skipped.push({ node: plan.value.name, reason })
      return prepared
    } catch {
      return failed(reason)
    }
  }
}

async function observed(
  model: Model,
  weights: readonly WeightLayers[],
  options: WeightOptions,
  calibration: Calibration,
): Promise<ReadonlyMap<Plan, Prepared>> {
  if (options.method === 'awq') return awq(model, weights, options, calibration)
  const prepared = new Map<Plan, Prepared>()
  for await (const found of weightGrams(model, weights, calibration)) {
    const ready = gptqWeight(found, options)
    if (ready !== undefined) prepared.set(found.plan, ready)
  }
  return prepared
}
