import {
  countMacs,
  type Graph,
  inferTypes,
  type MacCount,
  type Model,
  OnnxError,
  uncounted,
  type Value,
} from '@unplugin-onnx/core'
import { synthesize } from './calibration'
import { shapeAttempts } from './calibration/synthesize'
import { engineFinder } from './engine-package'
import { errors } from './errors'
import { observer } from './observe'
import type { EngineName } from './targets'
import { inspectModel } from './tasks/inspect-model'

/** MACs as a run on made-up inputs shows them. */
export interface RunCount extends MacCount {
  /** What shapes the inputs had. */
  readonly ranOn: Readonly<Record<string, readonly number[]>>
}

/**
 * Counts MACs with the shapes that a run on synthesized inputs shows, which the model alone may leave open.
 * @param name of the model, for messages
 * @throws OnnxError ONNX_ENGINE_MISSING, ONNX_ENGINE_FAILED where it runs on none of the inputs
 */
export async function countMacsInRun(
  model: Model,
  name: string,
  { root = process.cwd(), engine = 'wasm' as EngineName } = {},
): Promise<RunCount> {
  const inspection = inspectModel(model)
  const types = inferTypes(model)
  const isNumeric = (value: Value | undefined) =>
    /int|float|bool|double/.test((value && types.get(value)) ?? '')
  const witnesses = new Map<Value, Graph>()
  for (const graph of model.graphs()) {
    const witness =
      graph === model.graph ? undefined : graph.nodes.map(({ outputs }) => outputs[0]).find(isNumeric)
    if (witness !== undefined) witnesses.set(witness, graph)
  }
  const wanted = [...new Set([...uncounted(model), ...witnesses.keys()])].filter(isNumeric)
  let failure: unknown
  for (let attempt = 0; attempt < shapeAttempts; attempt++) {
    const { feeds } = synthesize(inspection, {}, { attempt })
    const shapes = new Map<Value, readonly number[]>()
    const runs = new Map([...witnesses.values()].map((graph) => [graph, 0]))
    try {
      await observer(engineFinder(engine, root, name), name, [feeds]).observe(
        model,
        wanted,
        ({ value, dims }) => {
          const stacked = stackedBy(value.graph)
          const rounds = dims.slice(0, stacked).reduce((product, length) => product * length, 1)
          const graph = witnesses.get(value)
          if (graph !== undefined) runs.set(graph, (runs.get(graph) ?? 0) + rounds)
          if (dims.length >= stacked && rounds > 0)
            shapes.set(value, larger(dims.slice(stacked), shapes.get(value)))
        },
      )
    } catch (cause) {
      if (cause instanceof OnnxError && cause.code === 'ONNX_ENGINE_MISSING') throw cause
      failure ??= cause
      continue
    }
    for (const { name: input } of inspection.inputs) {
      const [value, array] = [model.graph.find(input), feeds[input]]
      if (value && array) shapes.set(value, array.dims)
    }
    const ranOn = Object.fromEntries(Object.entries(feeds).map(([input, { dims }]) => [input, dims]))
    return { ...countMacs(model, { shapes, runs }), ranOn }
  }
  throw failure instanceof OnnxError ? failure : errors.engineFailed(name, engine, failure)
}

/** Values in a Scan come stacked, each Scan around them, and with it each other owner, along an axis of its own. */
function stackedBy(graph: Graph): number {
  const owners: string[] = []
  for (let { owner } = graph; owner !== undefined; owner = owner.graph.owner) owners.push(owner.opType)
  return owners.includes('Scan') ? owners.filter((owner) => owner !== 'If').length : 0
}

function larger(dims: readonly number[], other: readonly number[] | undefined): readonly number[] {
  const size = (of: readonly number[]) => of.reduce((product, length) => product * length, 1)
  return other !== undefined && size(other) > size(dims) ? other : dims
}
