export type { DenseArray, Feeds } from './arrays'
export { type Budget, budgets, judge } from './budget'
export { defaultCacheDir } from './cache'
export type { RemoteOptions } from './cache-remote/settings'
export type { Transfers } from './cache-remote/transfers'
export {
  type CacheStats,
  cacheStats,
  type Pruned,
  type PruneOptions,
  pruneCache,
  type Verified,
  verifyCache,
} from './cache-upkeep'
export {
  type CalibrationOptions,
  calibrationPath,
  type FileCalibration,
  type ImageCalibration,
  imageChannels,
  imageFits,
  imageLayouts,
  type StateLinks,
  type WavCalibration,
} from './calibration'
export { readNpz } from './calibration/read-npz'
export {
  type Compared,
  type ComparedIn,
  type CompareOptions,
  type Comparison,
  compareModels,
} from './compare'
export { type Conversion, type Converter, type ConverterOptions, convert, createConverter } from './converter'
export {
  type DecisionChange,
  type Diff,
  type DiffedModel,
  diffModels,
  targetOf,
  type VariantChange,
} from './diff/diff'
export { code, diffMarkdown, table } from './diff/markdown'
export type { Evaluate, EvaluatedModel, Score } from './evaluation'
export { ExternalFiles } from './external'
export { type InputLimits, inputLimits } from './limits'
export type { Logger, ProgressEvent } from './logger'
export { countMacsInRun, type RunCount } from './macs'
export { type OpenModel, openModelFile } from './open-model'
export {
  type Conditions,
  cpu as cpuOperators,
  type Fact,
  type NumberTest,
  type OperatorRule,
  type OperatorTable,
  type Outcome,
  type Test,
  type UnsupportedNode,
  unsupported,
  wasm as wasmOperators,
  webgpu as webgpuOperators,
  webnn as webnnOperators,
} from './operators/index'
export {
  type Effort,
  efforts,
  type InputOverride,
  type ModelOptions,
  type Preference,
  preferences,
  type TaskBudget,
} from './options'
export { printable } from './printable'
export type { ReportData } from './report/data'
export { readReport, withFileNames } from './report/read'
export { readLayers } from './report/read-layers'
export { type RenderOptions, renderReport, reportJson } from './report/render'
export { formatSummary } from './summary'
export {
  defineTarget,
  type EngineName,
  type Target,
  type TargetVariant,
  targets,
  variantsOf,
} from './targets'
export { inspectModel } from './tasks/inspect-model'
export type { Sizes } from './tasks/task'
export { calibrationFeeds, type TransformOptions, transform } from './transform'
export { typesFor } from './types'
export { filesOf, type VariantFile, variantFiles } from './variant-files'
export { putWhole } from './whole-file'
export { type ShareOfWork, shareOfWork, type Work } from './work-share'
export type { WorkerLimits } from './worker-limits'
