export { OnnxError, type OnnxErrorCode, type OnnxErrorOptions } from './errors'
export type { Attribute, AttributeKind, AttributeValue } from './graph/attribute'
export type { ExternalFile, ExternalLocation, ExternalReader } from './graph/external'
export type { FunctionDef } from './graph/function'
export type { Graph, NodeSpec } from './graph/graph'
export { checkModelBytes, defaultLimits, type Limits } from './graph/limits'
export { externalLocations } from './graph/locations'
export { Model, type NewModel } from './graph/model'
export type { Node } from './graph/node'
export type { Position } from './graph/node-list'
export { type PrintOptions, printModel } from './graph/print'
export { type ReadOptions, readModel } from './graph/read'
export { type Shard, shardBytes, shardsOf } from './graph/shards'
export type { SparseTensor } from './graph/sparse-tensor'
export { Tensor } from './graph/tensor'
export type { Use, Value } from './graph/value'
export type { Dimension, ValueType } from './graph/value-type'
export { encodeModel, type SplitModel, splitModel, type WriteOptions, writeModel } from './graph/write'
export {
  type BlockLayout,
  blocksPerRow,
  dequantizeBlocks,
  type QuantizedBlocks,
  quantizeBlocks,
  quantizeBlocksWith,
  zeroPointBytes,
} from './kernels/blocks'
export {
  cosineSimilarity,
  type ErrorMeasures,
  maxAbsError,
  measureErrors,
  type Numbers,
  SQNR_MAX,
  sqnr,
  top1Agreement,
} from './kernels/error-measures'
export { FLOAT16_OVERFLOW, type Float16Fit, float16Fit, fromFloat16, toFloat16 } from './kernels/float16'
export {
  absMaxPerChannel,
  type ChannelLayout,
  channelLayout,
  dequantizeInt8,
  fitInt8,
  quantizeInt8,
  symmetricScales,
} from './kernels/int8'
export { type DataType, type DataTypeInfo, dataTypes } from './onnx/data-types'
export { applyPasses, type StepResult } from './passes/apply'
export { extractConstants } from './passes/extract'
export { passes } from './passes/index'
export { type LinearLayer, linearLayers } from './passes/linear-layers'
export { type Amount, sumAmounts } from './passes/macs/amount'
export { type CountedNode, countMacs, type MacCount, type Seen, uncounted } from './passes/macs/count'
export { nearest } from './passes/nearest'
export {
  between,
  type Calibration,
  definePass,
  type Expectation,
  type Observation,
  type OptionValue,
  optionsOf,
  type Pass,
  type PassContext,
  type PassOptions,
  type PassResult,
  type Skipped,
} from './passes/pass'
export { recipes, type Step } from './passes/recipes'
export { type Tap, type TapOptions, type TappedModel, tapModel, tapped } from './passes/taps'
export { inferTypes } from './passes/types/infer'
export type { Int64 } from './wire/wire-type'
