import type { Model } from '../graph/model'
import { irVersionFor, knownOperators } from './opset/operators'
import type { OpsetRule } from './opset/rule'
import { opsetRules, renamedTo } from './opset/rules'
import { definePass, type PassResult, type Skipped } from './pass'

/** The oldest and newest opset that the rules know. */
const OLDEST = 7
const NEWEST = 21

/**
 * Raises the opset of ONNX's own operators, 7 at least, to `to`, and the IR version with it; a newer one stays. All or
 * nothing: where one node can't be raised, the model stays as it is and the result says why.
 *
 * Written after the adapters of onnx/version_converter and the operator definitions in onnx/defs; where those are
 * silent, after what onnxruntime computes.
 */
export const upgradeOpset = definePass({
  name: 'upgrade-opset',
  version: 1,
  summary: "Raises the opset of ONNX's own operators.",
  source: 'onnx/version_converter/adapters and onnx/defs',
  options: {
    /** 7 to 21. */
    to: NEWEST,
  },
  describe: {
    to: 'the opset to reach, 7 to 21',
  },
  fidelity: 90,
  choices: { to: Array.from({ length: NEWEST - OLDEST + 1 }, (_, index) => OLDEST + index) },
  run(model, { to }): PassResult {
    const from = model.opset()
    // 0: a model of other domains only.
    if (from === 0 || from >= to) return { changed: 0, skipped: [] }
    const refusals = refusalsOf(model, from, to)
    if (refusals.length > 0) return { changed: 0, skipped: refusals }
    let changed = 1
    for (let version = from + 1; version <= to; version++) changed += raise(model, version)
    model.opsetImports.set('', to)
    model.irVersion = Math.max(model.irVersion, irVersionFor(to))
    return { changed, skipped: [] }
  },
})

const rules = new Map<string, OpsetRule[]>()
for (const rule of opsetRules) rules.set(rule.operator, [...(rules.get(rule.operator) ?? []), rule])

function refusalsOf(model: Model, from: number, to: number): Skipped[] {
  if (from < OLDEST)
    return [
      { node: model.graph.name, reason: `opset ${from} is older than ${OLDEST}, where the rules begin` },
    ]
  if (model.functions.length > 0) {
    return model.functions.map(({ name }) => ({
      node: name,
      reason: 'is a function, with an opset of its own',
    }))
  }
  const refusals: Skipped[] = []
  for (const node of model.nodes()) {
    if (node.domain !== '') continue
    const reason = knownOperators.has(node.opType)
      ? rulesFor(node.opType, from, to)
          .map((rule) => rule.refuse?.(node, model))
          .find((each) => each !== undefined)
      : `there is no rule for the operator ${node.opType}`
    if (reason !== undefined) refusals.push({ node: node.label, reason })
  }
  return refusals
}

/** Rules that a node of this operator meets, those that it meets under its later name included. */
function rulesFor(operator: string, from: number, to: number): OpsetRule[] {
  const own = (rules.get(operator) ?? []).filter(({ at }) => at > from && at <= to)
  const renamed = renamedTo[operator]
  if (renamed === undefined || renamed.at > to) return own
  return [...own, ...rulesFor(renamed.operator, Math.max(from, renamed.at), to)]
}

function raise(model: Model, version: number): number {
  let changed = 0
  for (const node of [...model.nodes()]) {
    if (node.domain !== '') continue
    for (const rule of rules.get(node.opType) ?? []) {
      if (rule.at !== version || rule.apply === undefined) continue
      rule.apply(node, model)
      changed++
      break
    }
  }
  return changed
}
