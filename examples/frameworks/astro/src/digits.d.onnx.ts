// Written by unplugin-onnx from digits.onnx; it is written again when the model changes.
import type { OnnxAsset, TypedTensor } from 'unplugin-onnx/runtime'

/** What the model is fed. */
export type Inputs = {
  /** float32 [batch, 64] */
  readonly 'x': TypedTensor<'float32'>
}

/** What the model gives. */
export type Outputs = {
  /** float32 [batch, 10] */
  readonly 'y': TypedTensor<'float32'>
}

declare const asset: OnnxAsset<Inputs, Outputs>
export default asset
