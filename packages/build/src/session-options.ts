import type { Model } from '@unplugin-onnx/core'

/** onnxruntime session options that a variant wants. */
export type SessionOptions = Readonly<Record<string, unknown>>

/**
 * Folds DequantizeLinear of constant weights when the session is created: else onnxruntime does it again in every run, or,
 * in Node, computes in int8 what was only stored so. Float32's speed and exactness for what is stored in few bits.
 */
const foldedAtLoad: SessionOptions = { extra: { session: { disable_quant_qdq: '1' } } }

/** Whether a model holds weights that are worth folding, and no pairs of QuantizeLinear and DequantizeLinear to fuse. */
export function sessionOptionsFor(model: Model): SessionOptions | undefined {
  let stored = false
  for (const { opType } of model.nodes()) {
    if (opType === 'QuantizeLinear') return undefined
    if (opType === 'DequantizeLinear') stored = true
  }
  return stored ? foldedAtLoad : undefined
}
