import type { Model } from '../../graph/model'
import type { Calibration, Skipped } from '../pass'
import type { WeightOptions } from './options'
import type { Plan } from './plan'
import type { Prepared } from './prepared'

export async function calibrated(
  _model: Model,
  _plans: readonly Plan[],
  _options: WeightOptions,
  _calibration: Calibration,
  _skipped: Skipped[],
): Promise<ReadonlyMap<Plan, Prepared>> {
  return new Map()
}
