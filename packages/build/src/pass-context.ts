import {
  extractConstants,
  type Model,
  type PassContext,
  Tensor,
  tapModel,
  type Value,
} from '@unplugin-onnx/core'
import { type DenseArray, type Feeds, numbersOf } from './arrays'
import { type EngineSession, openModel } from './engine'
import { type EnginePackage, findEngine } from './engine-package'
import type { EngineName } from './targets'

/** Values that are fetched in one run: what they hold is in memory together. */
const valuesPerRun = 64

/** Gives the engine when a pass first asks for it: most passes run nothing. */
export type EngineFinder = () => Promise<EnginePackage>

/** The installed onnxruntime, looked for once. */
export function engineFinder(engine: EngineName, root: string, model: string): EngineFinder {
  let found: Promise<EnginePackage> | undefined
  return () => {
    found ??= findEngine(engine, root, model)
    return found
  }
}

/**
 * What passes need from outside, by an engine: constant nodes evaluated, values observed on sample inputs.
 * @param feeds sample inputs; none where there is no calibration
 * @param reference the model as it was before the first pass
 */
export function passContext(
  engine: EngineFinder,
  feeds: readonly Feeds[] = [],
  reference?: Model,
): PassContext {
  const evaluate: PassContext['evaluate'] = async (nodes, values) => {
    try {
      const session = await openModel(await engine(), extractConstants(nodes, values))
      try {
        const results = await session.run(
          {},
          values.map((value) => value.name),
        )
        return values.map((value) => tensorOf(results[value.name]))
      } finally {
        await session.close()
      }
    } catch {
      // What the engine can't run stays as it is: the pass says so.
      return values.map(() => undefined)
    }
  }
  return {
    evaluate,
    ...(reference === undefined ? {} : { reference }),
    ...(feeds.length === 0
      ? {}
      : {
          calibration: {
            samples: feeds.length,
            async observe(model, values, visit, { samples = feeds.length } = {}) {
              if (values.length === 0) return
              const { bytes, outputs } = tapModel(model, values)
              const session = await openModel(await engine(), bytes)
              try {
                for (const [sample, feed] of feeds.slice(0, samples).entries())
                  await observeSample(session, feed, sample, values, outputs, visit)
              } finally {
                await session.close()
              }
            },
          },
        }),
  }
}

async function observeSample(
  session: EngineSession,
  feed: Feeds,
  sample: number,
  values: readonly Value[],
  outputs: readonly string[],
  visit: Parameters<NonNullable<PassContext['calibration']>['observe']>[2],
): Promise<void> {
  for (let from = 0; from < values.length; from += valuesPerRun) {
    const fetched = outputs.slice(from, from + valuesPerRun)
    const results = await session.run(feed, fetched)
    for (const [index, output] of fetched.entries()) {
      const value = values[from + index]
      const array = results[output]
      // A branch that wasn't taken gives nothing.
      if (value === undefined || array === undefined || array.data.length === 0) continue
      const data = numbersOf(array)
      visit({
        value,
        data: data instanceof Float32Array ? data : Float32Array.from(data),
        dims: array.dims,
        sample,
      })
    }
  }
}

function tensorOf(array: DenseArray | undefined): Tensor | undefined {
  if (array === undefined) return undefined
  const { type, dims, data } = array
  if (!ArrayBuffer.isView(data)) return Tensor.fromStrings(dims, data)
  return Tensor.fromBytes(type, dims, new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice())
}
