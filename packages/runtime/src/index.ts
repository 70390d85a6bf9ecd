export { Tensor, type TypedTensor } from 'onnxruntime-common'
export { defineAsset } from './asset'
export { OnnxError, type OnnxErrorCode } from './errors'
export type * from './manifest'
export type {
  AssetDescriptor,
  AssetFile,
  AssetShard,
  AssetVariant,
  EngineSource,
  Feeds,
  Loaded,
  LoadOptions,
  OnnxAsset,
  OnnxSession,
  OpenOptions,
  Progress,
  Skipped,
} from './types'
