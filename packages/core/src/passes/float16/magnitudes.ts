import type { Model } from '../../graph/model'
import type { Value } from '../../graph/value'
import type { Calibration } from '../pass'

/** Largest finite magnitude that each value held on all samples; values that no sample reached are absent. */
export async function observedMagnitudes(
  model: Model,
  values: readonly Value[],
  calibration: Calibration,
): Promise<ReadonlyMap<Value, number>> {
  const largest = new Map<Value, number>()
  await calibration.observe(model, values, ({ value, data }) => {
    let most = largest.get(value) ?? 0
    for (let index = 0; index < data.length; index++) {
      const magnitude = Math.abs(data[index] as number)
      // Infinities, as masks hold them, are infinities in float16 too.
      if (magnitude > most && magnitude !== Number.POSITIVE_INFINITY) most = magnitude
    }
    largest.set(value, most)
  })
  return largest
}
