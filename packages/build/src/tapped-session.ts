import {
  type ExternalLocation,
  type Model,
  type Tap,
  type Tensor,
  tapModel,
  type Value,
} from '@unplugin-onnx/core'
import { type EngineSession, type ExternalData, openModel } from './engine'
import type { EnginePackage } from './engine-package'

/** Weights from this size on reach the engine by themselves; of smaller ones a copy costs less than asking for each. */
const APART = 1 << 16

/** Packing weights for the processor takes as long as so many runs with weights that aren't packed. */
const RUNS_WORTH_PACKING = 8

/** How weights reach an engine. */
export interface Handover {
  readonly place?: (weight: Tensor) => ExternalLocation | undefined
  readonly externalData?: readonly ExternalData[]
  readonly options?: Readonly<Record<string, unknown>>
}

/**
 * Opens a model in which the values are outputs as well, without a copy of its large weights: where they lie in a file
 * onnxruntime-node maps that, else the engine gets the weights one by one beside the model.
 * @param runs how often the session is going to run
 * @throws Error with onnxruntime's own message, where it refuses the model
 */
export async function openTapped(
  engine: EnginePackage,
  model: Model,
  values: readonly Value[],
  runs: number,
): Promise<{ readonly session: EngineSession; readonly taps: readonly Tap[] }> {
  let failure: unknown
  for (const { place, externalData, options } of handovers(engine, model, runs)) {
    const { bytes, taps } = tapModel(model, values, place === undefined ? {} : { place })
    try {
      return { session: await openModel(engine, bytes, externalData, options), taps }
    } catch (error) {
      // Older engines take weights in fewer ways; what the model itself lacks, the last and plainest try says.
      failure = error
    }
  }
  throw failure
}

/** From the most sparing to the plainest. */
export function* handovers({ engine }: EnginePackage, model: Model, runs: number): Iterable<Handover> {
  const weights = new Set<Tensor>()
  for (const { initializer } of model.graph.initializers())
    if (initializer !== undefined && initializer.dataType !== 'string' && initializer.byteLength >= APART)
      weights.add(initializer)
  if (weights.size > 0) {
    const mapped = engine === 'node' ? mappedFrom(weights, runs) : undefined
    if (mapped !== undefined) yield mapped
    yield engine === 'node' ? besides(weights, (weight) => weight.bytes()) : besides(weights, lazyBytes)
  }
  yield {}
}

/** All weights lie in files of one folder, as after reading a large model. */
function mappedFrom(weights: ReadonlySet<Tensor>, runs: number): Handover | undefined {
  const places = new Map<Tensor, ExternalLocation>()
  let folder: string | undefined
  for (const weight of weights) {
    const path = weight.externalFile()?.path
    if (path === undefined || weight.external === undefined) return undefined
    const at = path.startsWith('/')
      ? path.lastIndexOf('/')
      : Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'))
    const parent = path.slice(0, at) || '/'
    folder ??= parent
    if (parent !== folder) return undefined
    places.set(weight, { ...weight.external, location: path.slice(at + 1), length: weight.byteLength })
  }
  const session = {
    model_external_initializers_file_folder_path: folder,
    ...(runs <= RUNS_WORTH_PACKING ? { disable_prepacking: '1' } : {}),
  }
  return { place: (weight) => places.get(weight), options: { extra: { session } } }
}

/** Each weight is a file of its own to the engine. */
function besides(weights: ReadonlySet<Tensor>, bytesOf: (weight: Tensor) => Uint8Array): Handover {
  const paths = new Map([...weights].map((weight, index) => [weight, `weight ${index}`]))
  return {
    place(weight) {
      const location = paths.get(weight)
      return location === undefined ? undefined : { location, offset: 0, length: weight.byteLength }
    },
    externalData: [...paths].map(([weight, path]) => ({ path, data: bytesOf(weight) })),
  }
}

/**
 * Bytes that are read when the engine copies them into its own memory, so that one weight at a time is in ours:
 * onnxruntime-web takes `byteLength` and a `subarray`.
 */
function lazyBytes(weight: Tensor): Uint8Array {
  return Object.defineProperties(new Uint8Array(), {
    byteLength: { value: weight.byteLength },
    subarray: { value: (start: number, end: number) => weight.bytes().subarray(start, end) },
  })
}
