import {
  type Calibration,
  type Observation,
  OnnxError,
  type Tap,
  tapped,
  type Value,
} from '@unplugin-onnx/core'
import type { DenseArray, Feeds } from './arrays'
import type { EnginePackage } from './engine-package'
import { errors } from './errors'
import { numbersOf } from './numbers'
import { openTapped } from './tapped-session'

/** Gives the engine when a pass first asks for it: most passes run nothing. */
export type EngineFinder = () => Promise<EnginePackage>

/** Sample inputs, of which one at a time is asked for; an array of feeds is one. */
export interface Samples {
  readonly length: number
  at(index: number): Feeds | undefined | Promise<Feeds | undefined>
}

/** Bytes of values that are fetched in one run: what they hold is in memory together. */
const bytesPerRun = 2 ** 27

/** Bytes that a value is taken for as long as nobody has seen it. */
const bytesUnseen = bytesPerRun / 64

interface Output {
  readonly value: Value
  readonly tap: Tap
  /** Of the largest that was seen. */
  bytes?: number
}

/**
 * Runs models on samples. One sample is in memory, and some of the values that it leads to, however many samples there are.
 * @param name of the model, for messages
 */
export function observer(engine: EngineFinder, name: string, samples: Samples): Calibration {
  return {
    samples: samples.length,
    async observe(model, values, visit, { samples: wanted = samples.length } = {}) {
      if (values.length === 0) return
      const count = Math.min(wanted, samples.length)
      const found = await engine()
      const asked = <T>(answer: Promise<T>): Promise<T> =>
        answer.catch((cause) => {
          throw cause instanceof OnnxError ? cause : errors.engineFailed(name, found.name, cause)
        })
      const { session, taps } = await asked(openTapped(found, model, values, count))
      try {
        const outputs = values.flatMap((value, index): Output[] => {
          const tap = taps[index]
          return tap === undefined ? [] : [{ value, tap }]
        })
        for (let sample = 0; sample < count; sample++) {
          const feed = await samples.at(sample)
          if (feed === undefined) continue
          for (const group of groups(outputs)) {
            const names = group.map(({ tap }) => tap.output)
            const results = await asked(session.run(feed, names))
            for (const output of group) show(results[output.tap.output], output, sample, visit)
          }
        }
      } finally {
        await session.close()
      }
    },
  }
}

/** Every run computes the whole model, whatever is fetched: as few runs as memory allows. */
function groups(outputs: readonly Output[]): Output[][] {
  const found: Output[][] = []
  let left = 0
  for (const output of outputs) {
    const { bytes = bytesUnseen } = output
    if (bytes > left || found.length === 0) {
      found.push([])
      left = bytesPerRun
    }
    left -= bytes
    found.at(-1)?.push(output)
  }
  return found
}

function show(
  array: DenseArray | undefined,
  output: Output,
  sample: number,
  visit: (observation: Observation) => void,
): void {
  if (array === undefined) return
  const numbers = numbersOf(array)
  output.bytes = Math.max(output.bytes ?? 0, numbers.byteLength)
  const data = numbers instanceof Float32Array ? numbers : Float32Array.from(numbers)
  const { value, tap } = output
  for (const seen of tapped(tap, data, array.dims)) visit({ value, ...seen, sample })
}
