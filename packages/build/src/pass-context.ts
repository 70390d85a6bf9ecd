import {
  extractConstants,
  type Model,
  type Observation,
  type PassContext,
  type Tap,
  Tensor,
  tapModel,
  tapped,
  type Value,
} from '@unplugin-onnx/core'
import { type DenseArray, type Feeds, numbersOf } from './arrays'
import { openModel } from './engine'
import { type EnginePackage, findEngine } from './engine-package'
import { errors } from './errors'
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
 * @param name of the model, for messages
 * @param feeds sample inputs; none where there is no calibration
 * @param reference the model as it was before the first pass
 */
export function passContext(
  engine: EngineFinder,
  name: string,
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
              const { bytes, taps } = tapModel(model, values)
              const found = await engine()
              const failed = (cause: unknown) => errors.engineFailed(name, found.name, cause)
              const session = await openModel(found, bytes).catch((cause) => {
                throw failed(cause)
              })
              try {
                for (const [sample, feed] of feeds.slice(0, samples).entries()) {
                  for (const group of groups(values, taps)) {
                    const results = await session
                      .run(
                        feed,
                        group.map(({ tap }) => tap.output),
                      )
                      .catch((cause) => {
                        throw failed(cause)
                      })
                    for (const { value, tap } of group) show(results[tap.output], tap, value, sample, visit)
                  }
                }
              } finally {
                await session.close()
              }
            },
          },
        }),
  }
}

function groups(values: readonly Value[], taps: readonly Tap[]) {
  const pairs = taps.flatMap((tap, index) => {
    const value = values[index]
    return value === undefined ? [] : [{ value, tap }]
  })
  return Array.from({ length: Math.ceil(pairs.length / valuesPerRun) }, (_, group) =>
    pairs.slice(group * valuesPerRun, (group + 1) * valuesPerRun),
  )
}

function show(
  array: DenseArray | undefined,
  tap: Tap,
  value: Value,
  sample: number,
  visit: (observation: Observation) => void,
): void {
  if (array === undefined) return
  const numbers = numbersOf(array)
  const data = numbers instanceof Float32Array ? numbers : Float32Array.from(numbers)
  for (const seen of tapped(tap, data, array.dims)) visit({ value, ...seen, sample })
}

function tensorOf(array: DenseArray | undefined): Tensor | undefined {
  if (array === undefined) return undefined
  const { type, dims, data } = array
  if (!ArrayBuffer.isView(data)) return Tensor.fromStrings(dims, data)
  return Tensor.fromBytes(type, dims, new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice())
}
