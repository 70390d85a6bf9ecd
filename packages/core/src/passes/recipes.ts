/** One pass of a recipe, with the options that differ from its defaults. */
export interface Step {
  readonly pass: string
  readonly options?: Readonly<Record<string, unknown>>
}

const cleaning: readonly Step[] = [
  { pass: 'fold-constants' },
  { pass: 'eliminate-identity' },
  { pass: 'remove-unused' },
  { pass: 'dedupe-initializers' },
]

/** Types of intermediates help the passes before, and go last. */
const strip: Step = { pass: 'strip-metadata' }

/** The first opset whose DequantizeLinear has an axis is 13. What is too small or too noisy for int8 becomes float16. */
const int8 = (options: Readonly<Record<string, unknown>>): readonly Step[] => [
  ...cleaning,
  { pass: 'upgrade-opset', options: { to: 13 } },
  { pass: 'quantize-weights', options: { bits: 8, granularity: 'channel', ...options } },
  { pass: 'float16', options: { mode: 'storage' } },
  strip,
]

/**
 * Layers that compute in integers. Their weights must be their own: through a Transpose of another one they would be no
 * constants. What computes in float32 (embeddings, recurrent and depthwise layers) is stored in int8 or float16.
 */
const computing = (...steps: readonly Step[]): readonly Step[] => [
  ...cleaning.map((step) =>
    step.pass === 'dedupe-initializers' ? { ...step, options: { transposed: false } } : step,
  ),
  { pass: 'fuse-batch-norm' },
  { pass: 'upgrade-opset', options: { to: 13 } },
  ...steps,
  { pass: 'quantize-weights' },
  { pass: 'float16', options: { mode: 'storage' } },
  strip,
]

const fourBits = { bits: 4, granularity: 'block', symmetric: false, method: 'mse' } as const

/**
 * Matrices at 4 bits in blocks of 32, which MatMulNBits multiplies with as they are; all other weights at 8 bits: small
 * layers, tables and convolutions lose more by 4 bits than they save.
 */
const int4: readonly Step[] = [
  ...cleaning,
  { pass: 'upgrade-opset' },
  {
    pass: 'quantize-weights',
    options: { ...fourBits, format: 'nbits', operators: ['MatMul', 'Gemm'] },
  },
  { pass: 'quantize-weights' },
  { pass: 'float16', options: { mode: 'storage' } },
  strip,
]

/**
 * All weights at 4 bits in blocks of 32, given back by DequantizeLinear: onnxruntime folds that when the session is created
 * (with disable_quant_qdq), and computes in float32 at its speed. What would not gain by 4 bits goes to 8.
 */
const int4Folded: readonly Step[] = [
  ...cleaning,
  { pass: 'upgrade-opset' },
  { pass: 'quantize-weights', options: { ...fourBits, format: 'dequantize' } },
  { pass: 'quantize-weights' },
  { pass: 'float16', options: { mode: 'storage' } },
  strip,
]

/**
 * Named arrays of passes: what a build may make of a model, from the most exact to the smallest. `float16-compute` is for
 * GPUs that have float16 (WebGPU's shader-f16). `int8-spared` leaves the weights that add most noise for their bytes in
 * float16: on PP-OCR detection 16 % more bytes than `int8` and 10 dB less noise (test/passes-models.test.ts).
 * `int8-dynamic` and `int8-static` compute in integers; the latter needs calibration.
 */
export const recipes: ReadonlyMap<string, readonly Step[]> = new Map([
  ['float32', [...cleaning, strip]],
  ['float16', [...cleaning, { pass: 'float16', options: { mode: 'storage' } }, strip]],
  ['float16-compute', [...cleaning, { pass: 'float16', options: { mode: 'compute' } }, strip]],
  ['int8-spared', int8({ spare: 0.2 })],
  ['int8', int8({})],
  ['int4', int4],
  ['int4-folded', int4Folded],
  ['int8-dynamic', computing({ pass: 'quantize-dynamic' })],
  ['int8-static', computing({ pass: 'quantize-static' })],
])
