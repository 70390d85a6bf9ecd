// Written by unplugin-onnx from encoder.onnx; it is written again when the model changes.
import type { OnnxAsset, TypedTensor } from 'unplugin-onnx/runtime'

/** What the model is fed. */
export type Inputs = {
  /** int64 [batch, src_len] */
  readonly 'src_ids': TypedTensor<'int64'>
}

/** What the model gives. */
export type Outputs = {
  /** float32 [batch, src_len, 80] */
  readonly 'memory': TypedTensor<'float32'>
}

declare const asset: OnnxAsset<Inputs, Outputs>
export default asset
