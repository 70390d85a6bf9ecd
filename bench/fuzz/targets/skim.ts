import { skim } from '../../../packages/build/src/skim'
import { printModel } from '../../../packages/core/src/graph/print'
import { readModel } from '../../../packages/core/src/graph/read'
import { encodeModel } from '../../../packages/core/src/graph/write'
import { Choices } from '../choices'
import { modelFrom } from '../model'
import { assert, attempt } from '../verdict'
import type { Target } from './target'

/** A large model is read without its weights; put together again it is what it is when it's read whole. */
export const skimTarget: Target = {
  fuzz(bytes) {
    const choices = new Choices(bytes)
    const least = 1 + choices.below(32)
    const made = choices.byte() < 32 ? bytes.subarray(2) : modelFrom(choices)
    const read = (offset: number, length: number) => made.slice(offset, offset + length)
    const skimmed = skim(read, made.length, least)
    if (skimmed === undefined) return
    const external = (location: string) =>
      location === skimmed.location
        ? { byteLength: made.length, read }
        : { byteLength: 64, read: (_: number, length: number) => new Uint8Array(length) }
    const model = attempt(() => readModel(skimmed.bytes, { external }))
    const whole = attempt(() => readModel(made))
    if (model === undefined || whole === undefined) return
    const embedded = attempt(() => readModel(encodeModel(model)))
    if (embedded !== undefined && !hasExternal(whole))
      assert(printModel(embedded) === printModel(whole), 'a skimmed model says something else')
  },
  share: 3,
  seeds: [Uint8Array.from({ length: 300 }, (_, at) => (at * 37) % 256)],
}

const hasExternal = (model: ReturnType<typeof readModel>): boolean =>
  [...model._tensors()].some((tensor) => tensor.external !== undefined)
