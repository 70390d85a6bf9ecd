import { type Model, readModel } from '@unplugin-onnx/core'
import type { Provider, ValueSignature } from '@unplugin-onnx/runtime'
import { type UnsupportedNode, unsupported } from '../operators'
import { operatorName } from '../operators/table'
import { printable } from '../printable'
import type { ReportLayer } from '../report/data'
import { layersOf } from '../report/layers'
import { type EngineName, targets } from '../targets'
import { inspectModel } from '../tasks/inspect-model'
import { type MemoryModel, readerOf } from './memory-model'

/** What the table of a target's provider says of a model. */
export interface TargetFit {
  readonly name: string
  readonly provider: Provider
  /** What a variant for it is verified in. */
  readonly engine: EngineName
  /** Nodes that the provider does not run as it should; at most 50 of them. */
  readonly unsupported: readonly UnsupportedNode[]
  readonly unsupportedCount: number
}

/** What can be told of a model without running it. */
export interface Overview {
  readonly name: string
  /** With external data. */
  readonly bytes: number
  readonly irVersion: number
  readonly producer: string
  /** Version by domain; ONNX's own is the empty one. */
  readonly opsets: readonly (readonly [domain: string, version: number])[]
  readonly inputs: readonly ValueSignature[]
  readonly outputs: readonly ValueSignature[]
  /** Locations of external data, and whether they are there. */
  readonly external: readonly { readonly location: string; readonly bytes?: number }[]
  readonly nodes: number
  /** How many nodes of each operator, the most frequent first. */
  readonly operators: readonly (readonly [operator: string, count: number])[]
  readonly parameters: number
  readonly layers: readonly ReportLayer[]
  readonly targets: readonly TargetFit[]
  readonly warnings: readonly string[]
}

const shownNodes = 50

/** @throws OnnxError as readModel does; ONNX_EXTERNAL_DATA_MISSING and its neighbours */
export function overviewOf(source: MemoryModel): Overview {
  const { name, bytes } = source
  const external = readerOf(source)
  const model = readModel(bytes, { external, name: printable(name) })
  const inspection = inspectModel(model)
  const beside = inspection.external.map((location) => ({
    location,
    bytes: external(location).byteLength,
  }))
  const counts = operatorCounts(model)
  return {
    name,
    bytes: beside.reduce((sum, each) => sum + each.bytes, bytes.length),
    irVersion: model.irVersion,
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(' '),
    opsets: [...model.opsetImports],
    inputs: inspection.inputs,
    outputs: inspection.outputs,
    external: beside,
    nodes: counts.reduce((sum, [, count]) => sum + count, 0),
    operators: counts,
    parameters: model.parameterCount,
    layers: [...layersOf(model, [])],
    targets: fitsOf(model),
    warnings: inspection.warnings,
  }
}

function operatorCounts(model: Model): [string, number][] {
  const counts = new Map<string, number>()
  for (const node of model.nodes()) {
    const operator = operatorName(node)
    counts.set(operator, (counts.get(operator) ?? 0) + 1)
  }
  return [...counts].sort(([a, more], [b, less]) => less - more || (a < b ? -1 : 1))
}

const fitsOf = (model: Model): TargetFit[] =>
  [...targets.values()].map((target) => {
    const found = unsupported(model, target)
    return {
      name: target.name,
      provider: target.provider,
      engine: target.engine,
      unsupported: found.slice(0, shownNodes),
      unsupportedCount: found.length,
    }
  })
