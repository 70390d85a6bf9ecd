import { linearLayers, type Value } from '@unplugin-onnx/core'
import type { EnginePackage } from '../engine-package'
import { passContext } from '../pass-context'
import type { Histogram, ReportLayer } from '../report/data'
import { bins } from '../report/histogram'
import { layersIn } from '../report/layers'
import { parseSource } from './open-source'
import type { DescribedVariant, ModelFile } from './task'
import type { Workbench } from './workbench'

/** Activations are shown, not measured: few samples do, and of large models few layers. */
const shown = { samples: 2, layers: 200 }

/**
 * What became of each weight in the variants, and what the layers' inputs held on a few samples.
 * @param engine runs the source; null where it doesn't run
 */
export async function describe(
  model: ModelFile,
  variants: readonly DescribedVariant[],
  engine: EnginePackage | null,
  samples: number,
  work: Workbench,
): Promise<ReportLayer[]> {
  const layers = layersIn((variant) => work.open(variant?.file), variants, model.name, model.limits)
  const activations =
    engine === null ? new Map<string, Histogram>() : await activationsOf(model, engine, samples, work)
  return layers.map((layer) => {
    const histogram = activations.get(layer.name)
    return { ...layer, ...(histogram && { activations: histogram }) }
  })
}

/** Histograms of the inputs of layers, by the name of the weight. Nothing is told where the engine can't observe them. */
async function activationsOf(
  model: ModelFile,
  engine: EnginePackage,
  samples: number,
  work: Workbench,
): Promise<Map<string, Histogram>> {
  const found = new Map<string, Histogram>()
  const source = work.openSource()
  try {
    const parsed = parseSource(model, source.bytes, source.external)
    const inputs = new Map<Value, string[]>()
    for (const { weight, input } of linearLayers(parsed).slice(0, shown.layers))
      inputs.set(input, [...(inputs.get(input) ?? []), weight.name])
    const feeds = Array.from(
      { length: Math.min(samples, shown.samples) },
      (_, index) => work.sample(engine.engine, index).feeds,
    )
    const { calibration } = passContext(async () => engine, model.name, feeds)
    const spans = new Map<Value, { from: number; to: number; counts: number[] }>()
    await calibration?.observe(parsed, [...inputs.keys()], ({ value, data }) => {
      add(spans, value, data)
    })
    for (const [value, { from, to, counts }] of spans)
      for (const name of inputs.get(value) ?? []) found.set(name, { from, to, counts })
  } catch {
    // A picture less in the report is nothing to fail a build for.
  } finally {
    source.close()
  }
  return found
}

/** The first sample sets the range; what later ones have outside of it counts in the outermost bins. */
function add(
  spans: Map<Value, { from: number; to: number; counts: number[] }>,
  value: Value,
  data: ArrayLike<number>,
): void {
  let span = spans.get(value)
  if (span === undefined) {
    let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (let index = 0; index < data.length; index++) {
      const number = data[index] as number
      if (number - number !== 0) continue
      if (number < from) from = number
      if (number > to) to = number
    }
    if (from > to) return
    if (from === to) to = from + (Math.abs(from) || 1)
    span = { from, to, counts: new Array<number>(bins).fill(0) }
    spans.set(value, span)
  }
  const { from, to, counts } = span
  const scale = bins / (to - from)
  for (let index = 0; index < data.length; index++) {
    const number = data[index] as number
    if (number - number !== 0) continue
    const bin = Math.max(0, Math.min(bins - 1, Math.floor((number - from) * scale)))
    counts[bin] = (counts[bin] as number) + 1
  }
}
