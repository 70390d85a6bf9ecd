/** A context for passes over the real onnxruntime-web: calibration on given feeds, and an evaluator. */
import * as web from 'onnxruntime-web/wasm'
import { extractConstants, type PassContext, readModel, Tensor, tapModel, tapped } from '../src/index'
import type { Feeds } from './engine'

web.env.wasm.numThreads = 1
web.env.logLevel = 'error'

const open = (bytes: Uint8Array) =>
  web.InferenceSession.create(bytes, { executionProviders: ['wasm'], logSeverityLevel: 4 })

export function contextOf(feeds: readonly Feeds[], source?: Uint8Array): PassContext {
  return {
    evaluate: async (nodes, values) => {
      try {
        const session = await open(extractConstants(nodes, values))
        try {
          const results = await session.run({})
          return values.map((value) => tensorOf(results[value.name]))
        } finally {
          await session.release()
        }
      } catch {
        return values.map(() => undefined)
      }
    },
    calibration: {
      samples: feeds.length,
      async observe(model, values, visit, { samples = feeds.length } = {}) {
        if (values.length === 0) return
        const { bytes, taps } = tapModel(model, values)
        const session = await open(bytes)
        try {
          for (const [sample, feed] of feeds.slice(0, samples).entries()) {
            const inputs = Object.fromEntries(
              Object.entries(feed).map(([name, { type, data, dims }]) => [
                name,
                new web.Tensor(type, data as Float32Array, dims),
              ]),
            )
            const results = await session.run(
              inputs,
              taps.map(({ output }) => output),
            )
            for (const [index, value] of values.entries()) {
              const tap = taps[index]!
              const { data, dims } = results[tap.output]!
              for (const seen of tapped(tap, data as Float32Array, dims)) visit({ value, ...seen, sample })
            }
          }
        } finally {
          await session.release()
        }
      },
    },
    ...(source === undefined ? {} : { reference: readModel(source) }),
  }
}

function tensorOf(result: web.Tensor | undefined): Tensor | undefined {
  if (result === undefined) return undefined
  if (result.type === 'string') return Tensor.fromStrings(result.dims, result.data as string[])
  const { buffer, byteOffset, byteLength } = result.data as Float32Array
  return Tensor.fromBytes(result.type, result.dims, new Uint8Array(buffer, byteOffset, byteLength).slice())
}
