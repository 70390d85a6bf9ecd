/**
 * What a build does to a model, for a page: the same targets, planner and passes, on what lies in memory, in
 * onnxruntime-web. Nothing here imports Node.
 */
export type { OutputAccuracy } from './accuracy'
export {
  type ConvertedInMemory,
  convertInMemory,
  type InMemoryOptions,
} from './browser/convert'
export { type BrowserEngine, startEngine } from './browser/engine'
export { type MemoryInputs, openInputs } from './browser/inputs'
export type { MemoryModel } from './browser/memory-model'
export { type Overview, overviewOf, type TargetFit } from './browser/overview'
export {
  type ListedOption,
  type ListedPass,
  type ListedTarget,
  type Registry,
  registry,
} from './browser/registry'
export { type TransformedInMemory, transformInMemory } from './browser/transform'
export type { OnnxRuntimeModule } from './engine'
export { type ProgressEvent, progress } from './logger'
export type { ModelOptions } from './options'
export { printable } from './printable'
export type { ReportCandidate, ReportData, ReportLayer } from './report/data'
