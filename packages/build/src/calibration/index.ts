export type { CalibrationData } from './data'
export { hashCalibration } from './data'
export { openCalibration, openSynthesized } from './open'
export {
  type CalibrationOptions,
  calibrationPath,
  type FileCalibration,
  type ImageCalibration,
  imageChannels,
  imageFits,
  imageLayouts,
  type NormalizedCalibration,
  normalizeCalibration,
  type StateLinks,
  type WavCalibration,
} from './options'
export type { SampleLimits, SamplePart, SampleSet, SampleSource } from './sample-source'
export type { SampledModel } from './source-of'
export { type Overrides, type Synthesized, type SynthesizeOptions, synthesize } from './synthesize'
