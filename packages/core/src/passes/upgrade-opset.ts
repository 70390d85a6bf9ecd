import type { Graph } from '../graph/graph'
import type { Model } from '../graph/model'
import type { Node } from '../graph/node'
import { irVersionFor, knownOperators } from './opset/operators'
import type { OpsetRule, Upgrade } from './opset/rule'
import { opsetRules, renamedTo } from './opset/rules'
import { definePass, type PassResult, type Skipped } from './pass'
import { inferTypes } from './types/infer'

/** The oldest and newest opset that the rules know. */
const OLDEST = 7
const NEWEST = 21

/** What has an opset of its own: the main graph, or the body of a function. */
interface Part {
  readonly graph: Graph
  readonly opsetImports: Map<string, number>
  readonly from: number
}

/**
 * Raises the opset of ONNX's own operators, 7 at least, to `to`, and the IR version with it; a newer one stays. Bodies
 * of functions are raised with the model. All or nothing: where one node can't be raised, the model stays as it is and
 * the result says why.
 *
 * Written after the adapters of onnx/version_converter and the operator definitions in onnx/defs; where those are
 * silent, after what onnxruntime computes.
 */
export const upgradeOpset = definePass({
  name: 'upgrade-opset',
  version: 2,
  summary: "Raises the opset of ONNX's own operators.",
  source: 'onnx/version_converter/adapters and onnx/defs',
  options: {
    /** 7 to 21. */
    to: NEWEST,
  },
  describe: {
    to: 'the opset to reach',
  },
  fidelity: 90,
  choices: { to: Array.from({ length: NEWEST - OLDEST + 1 }, (_, index) => OLDEST + index) },
  run(model, { to }): PassResult {
    const from = model.opset()
    // 0: a model of other domains only.
    if (from === 0 || from >= to) return { changed: 0, skipped: [] }
    const parts = partsOf(model, to)
    const upgrade: Upgrade = { model, to, types: inferTypes(model) }
    const refusals = parts.flatMap((part) => refusalsOf(part, upgrade))
    if (refusals.length > 0) return { changed: 0, skipped: refusals }
    let changed = 0
    for (const part of parts) {
      for (let version = part.from + 1; version <= to; version++) changed += raise(part, version, upgrade)
      part.opsetImports.set('', to)
      changed++
    }
    raiseIrVersion(model, irVersionFor(to))
    return { changed, skipped: [] }
  },
})

const rules = new Map<string, OpsetRule[]>()
for (const rule of opsetRules) rules.set(rule.operator, [...(rules.get(rule.operator) ?? []), rule])

function partsOf(model: Model, to: number): Part[] {
  const main: Part = { graph: model.graph, opsetImports: model.opsetImports, from: model.opset() }
  const functions = model.functions.map(({ body: graph, opsetImports }) => {
    return { graph, opsetImports, from: opsetImports.get('') ?? to }
  })
  return [main, ...functions.filter(({ from }) => from < to)]
}

function nodesOf(graph: Graph): Node[] {
  return graph.nodes.flatMap((node) => [node, ...node.subgraphs().flatMap(nodesOf)])
}

function refusalsOf({ graph, from }: Part, upgrade: Upgrade): Skipped[] {
  if (from < OLDEST)
    return [{ node: graph.name, reason: `opset ${from} is older than ${OLDEST}, where the rules begin` }]
  const refusals: Skipped[] = []
  for (const node of nodesOf(graph)) {
    if (node.domain !== '') continue
    const reason = refusalOf(node, from, upgrade)
    if (reason !== undefined) refusals.push({ node: node.label, reason })
  }
  return refusals
}

function refusalOf(node: Node, from: number, upgrade: Upgrade): string | undefined {
  if (!knownOperators.has(node.opType)) return `there is no rule for the operator ${node.opType}`
  const due = rulesFor(node.opType, from, upgrade.to)
  const open = [...node.attributes()].find(({ type }) => type === 'reference')
  if (open !== undefined && due.length > 0)
    return `has the attribute ${open.name}, which only a call of the function gives`
  return due.map((rule) => rule.refuse?.(node, upgrade)).find((reason) => reason !== undefined)
}

/** Rules that a node of this operator meets, those that it meets under its later name included. */
function rulesFor(operator: string, from: number, to: number): OpsetRule[] {
  const own = (rules.get(operator) ?? []).filter(({ at }) => at > from && at <= to)
  const renamed = renamedTo[operator]
  if (renamed === undefined || renamed.at > to) return own
  return [...own, ...rulesFor(renamed.operator, Math.max(from, renamed.at), to)]
}

function raise({ graph }: Part, version: number, upgrade: Upgrade): number {
  let changed = 0
  for (const node of nodesOf(graph)) {
    if (node.domain !== '') continue
    const rule = rules.get(node.opType)?.find(({ at, apply }) => at === version && apply !== undefined)
    if (rule?.apply === undefined) continue
    rule.apply(node, upgrade)
    changed++
  }
  return changed
}

/**
 * Before IR version 4 constants had to be listed as inputs, and from there on that would let callers override them: they
 * leave the list, which engines didn't show them in anyway.
 */
function raiseIrVersion(model: Model, version: number): void {
  const { graph, irVersion } = model
  if (irVersion < 4) for (const value of graph.inputs) if (value.isConstant) graph.removeInput(value)
  model.irVersion = Math.max(irVersion, version)
}
