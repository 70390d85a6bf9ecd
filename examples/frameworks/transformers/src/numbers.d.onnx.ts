// Written by unplugin-onnx from numbers.onnx; it is written again when the model changes.
import type { OnnxAsset, TypedTensor } from 'unplugin-onnx/runtime'

/** What the model is fed. */
export type Inputs = {
  /** int64 [batch, src_len] */
  readonly 'input_ids': TypedTensor<'int64'>
}

/** What the model gives. */
export type Outputs = {
  /** float32 [batch, src_len, 80] */
  readonly 'last_hidden_state': TypedTensor<'float32'>
}

declare const asset: OnnxAsset<Inputs, Outputs>
export default asset
