export type { CalibrationData } from './data'
export { hashCalibration } from './data'
export { openCalibration, openSynthesized, type SampledModel } from './open'
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
export { type Overrides, type Synthesized, type SynthesizeOptions, synthesize } from './synthesize'
