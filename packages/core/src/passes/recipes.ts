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

/** Named arrays of passes: what a build may make of a model. */
export const recipes: ReadonlyMap<string, readonly Step[]> = new Map([
  ['float32', [...cleaning, strip]],
  ['float16', [...cleaning, { pass: 'float16', options: { mode: 'storage' } }, strip]],
  [
    'int8',
    [
      ...cleaning,
      // The first opset whose DequantizeLinear has an axis.
      { pass: 'upgrade-opset', options: { to: 13 } },
      { pass: 'quantize-weights', options: { bits: 8, granularity: 'channel' } },
      { pass: 'float16', options: { mode: 'storage' } },
      strip,
    ],
  ],
])
