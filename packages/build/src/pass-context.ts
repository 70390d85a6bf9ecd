import { extractConstants, type Model, type PassContext, Tensor } from '@unplugin-onnx/core'
import type { DenseArray } from './arrays'
import { openModel } from './engine'
import { type EngineFinder, observer, type Samples } from './observe'

/**
 * What passes need from outside, by an engine: constant nodes evaluated, values observed on sample inputs.
 * @param name of the model, for messages
 * @param samples sample inputs; none where there is no calibration
 * @param reference the model as it was before the first pass
 */
export function passContext(
  engine: EngineFinder,
  name: string,
  samples: Samples = [],
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
    ...(samples.length === 0 ? {} : { calibration: observer(engine, name, samples) }),
  }
}

function tensorOf(array: DenseArray | undefined): Tensor | undefined {
  if (array === undefined) return undefined
  const { type, dims, data } = array
  if (!ArrayBuffer.isView(data)) return Tensor.fromStrings(dims, data)
  return Tensor.fromBytes(type, dims, new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice())
}
