import type { Model } from '../graph/model'
import type { Value } from '../graph/value'
import { convert } from './float16/convert'
import { observedMagnitudes } from './float16/magnitudes'
import { Plan } from './float16/plan'
import { storeHalf } from './float16/storage'
import { constantsToInitializers } from './fold-constants'
import { keepMatcher, nameMatcher } from './keep'
import { Scratch } from './low-bits/scratch'
import { definePass, type PassContext, type PassResult, type Skipped } from './pass'
import { Placement } from './placement'
import { inferTypes } from './types/infer'

/**
 * Halves the bytes of float32 weights, in one of two ways.
 *
 * `storage`: weights are stored as float16, with one Cast to float32 before the first node that reads them, while
 * everything computes as before. Engines fold the Cast when they load the model (onnxruntime's ConstantFolding), so that
 * it costs nothing afterwards. A tensor stays as it is where a finite value would overflow, where all its values are so
 * small that float16 would lose their bits, where it is an output or the default of an input, and where the bytes of the
 * Cast would eat up what is saved. Scales of DequantizeLinear stay exact, but the many of large tables and matrices.
 *
 * `compute`: the whole graph computes in float16, with the graphs inside of If, Loop and Scan; the model's inputs and
 * outputs keep their types. Float32 stay operators without a float16 form or of wide range (float16/operators.ts), and
 * nodes that by calibration read or make anything beyond 512 or nothing above 2^-13, or whose weights are so. Without
 * calibration, sums over many and the pieces of normalization stay as well. A value is cast once, and a node that would
 * only be cast to and fro stays.
 */
export const float16 = definePass({
  name: 'float16',
  version: 4,
  summary: 'Stores weights as float16, or computes in float16.',
  source:
    'IEEE 754 binary16; onnxruntime/core/optimizer/constant_folding.cc; onnxconverter-common/float16.py for operators that stay',
  options: {
    mode: 'storage',
    /** Names of weights, or of nodes (with their weights), that stay float32. */
    keep: [],
    /** Smaller tensors stay. */
    minBytes: 1024,
  },
  describe: {
    mode: "'storage': weights are stored so, nothing computes so; 'compute': the graph computes so wherever values fit",
    keep: 'names of weights, or of nodes with their weights, that stay float32; * for any characters',
    minBytes: 'smaller tensors that nothing reads as float16 stay',
  },
  fidelity: 40,
  choices: { mode: ['storage', 'compute'] },
  async run(model, { mode, keep, minBytes }, context) {
    const skipped: Skipped[] = []
    const scratch = new Scratch()
    const computing = mode === 'compute' ? await compute(model, keep, context, scratch) : undefined
    if (computing !== undefined) skipped.push(...computing.skipped)
    const kept = keepMatcher(keep)
    const keptByName = nameMatcher(keep)
    const isKept = (value: Value) => keptByName(value.name) || value.uses.some(({ node }) => kept(node))
    const placement = new Placement()
    let changed = computing?.changed ?? 0
    for (const value of [...model.initializers()])
      if (storeHalf(value, { kept: isKept, minBytes }, placement, skipped, scratch)) changed++
    return { changed, skipped }
  },
})

async function compute(
  model: Model,
  keep: readonly string[],
  { calibration }: PassContext,
  scratch: Scratch,
): Promise<PassResult> {
  if (computesHalf(model))
    return { changed: 0, skipped: [{ node: model.graph.name, reason: 'computes in float16 already' }] }
  constantsToInitializers(model)
  const types = inferTypes(model)
  const floats = [...types].flatMap(([value, type]) =>
    type === 'float32' && isObservable(value) ? [value] : [],
  )
  const skipped: Skipped[] = []
  let magnitudes: ReadonlyMap<Value, number> | undefined
  if (calibration !== undefined && calibration.samples > 0) {
    try {
      magnitudes = await observedMagnitudes(model, floats, calibration)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      skipped.push({ node: model.graph.name, reason: `could not be observed on the samples: ${reason}` })
    }
  }
  const plan = new Plan(model, {
    kept: keepMatcher(keep),
    keptWeight: nameMatcher(keep),
    scratch,
    ...(magnitudes === undefined ? {} : { magnitudes }),
  })
  const constants = convert(model, plan)
  return { changed: plan.size + constants, skipped: [...skipped, ...plan.skipped] }
}

/** Not a constant, and in a graph of the model: bodies of functions can't be looked into. */
function isObservable(value: Value): boolean {
  if (value.initializer !== undefined) return false
  let { graph } = value
  while (graph.parent !== undefined) graph = graph.parent
  return graph === value.graph.model.graph
}

/** Something other than a Cast makes float16. */
function computesHalf(model: Model): boolean {
  const types = inferTypes(model)
  for (const node of model.nodes()) {
    if (node.opType === 'Cast' || node.opType === 'Constant') continue
    if (node.outputs.some((value) => value !== undefined && types.get(value) === 'float16')) return true
  }
  return false
}
