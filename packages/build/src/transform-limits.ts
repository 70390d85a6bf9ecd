import type { SampleLimits } from './calibration/sample-source'

/** Samples that passes alone look at: they are run a few times in all, not for each candidate. */
export const transformLimits: SampleLimits = { samples: 128, elements: 16_000_000 }
