/**
 * What the plugin of a bundler starts with. A model that was converted before needs nothing else; the passes and what
 * runs them are loaded with the first that wasn't.
 */

export type { RemoteOptions } from './cache-remote/settings'
export {
  type CalibrationOptions,
  calibrationPath,
  type FileCalibration,
  type ImageCalibration,
  imageChannels,
  imageFits,
  imageLayouts,
  type WavCalibration,
} from './calibration/options'
export { type Conversion, type Converter, type ConverterOptions, createConverter } from './converter'
export { targetOf } from './diff/diff'
export type { Evaluate, EvaluatedModel, Score } from './evaluation'
export { type InputLimits, inputLimits } from './limits'
export type { Logger, ProgressEvent } from './logger'
export { cpu as cpuOperators } from './operators/cpu'
export type { OperatorRule, OperatorTable } from './operators/table'
export { wasm as wasmOperators } from './operators/wasm'
export { webgpu as webgpuOperators } from './operators/webgpu'
export { webnn as webnnOperators } from './operators/webnn'
export { efforts, type ModelOptions, preferences } from './options'
export { printable } from './printable'
export type { ReportData } from './report/data'
export { readReport } from './report/read'
export { renderReport, reportJson } from './report/render'
export { formatSummary } from './summary'
export { defineTarget, type Target } from './targets'
export { typesFor } from './types'
export { filesOf, variantFiles } from './variant-files'
export { putWhole } from './whole-file'
export type { WorkerLimits } from './worker-limits'
