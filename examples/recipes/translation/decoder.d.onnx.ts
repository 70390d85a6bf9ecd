// Written by unplugin-onnx from decoder.onnx; it is written again when the model changes.
import type { OnnxAsset, TypedTensor } from 'unplugin-onnx/runtime'

/** What the model is fed. */
export type Inputs = {
  /** int64 [batch, tgt_len] */
  readonly 'tgt_ids': TypedTensor<'int64'>
  /** float32 [batch, src_len, 80] */
  readonly 'memory': TypedTensor<'float32'>
  /** int64 [batch, src_len] */
  readonly 'src_ids': TypedTensor<'int64'>
}

/** What the model gives. */
export type Outputs = {
  /** float32 [batch, tgt_len, 59] */
  readonly 'logits': TypedTensor<'float32'>
}

declare const asset: OnnxAsset<Inputs, Outputs>
export default asset
