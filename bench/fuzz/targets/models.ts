import { externalLocations } from '../../../packages/core/src/graph/locations'
import type { Model } from '../../../packages/core/src/graph/model'
import { printModel } from '../../../packages/core/src/graph/print'
import { readModel } from '../../../packages/core/src/graph/read'
import { Tensor } from '../../../packages/core/src/graph/tensor'
import { encodeModel } from '../../../packages/core/src/graph/write'
import { Choices } from '../choices'
import { modelFrom } from '../model'
import { assert, attempt } from '../verdict'
import type { Target } from './target'

/** Data that every location has. */
const external = () => ({ byteLength: 64, read: (_: number, length: number) => new Uint8Array(length) })

const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, at) => byte === b[at])

/** Reads, prints and writes; what was read is written as it was, and says the same when it is read again. */
function check(bytes: Uint8Array): Model | undefined {
  const model = attempt(() => readModel(bytes, { external }))
  if (model === undefined) return undefined
  const text = printModel(model)
  checkText(text)
  const written = encodeModel(model, { external: 'keep' })
  // A message in several pieces is joined.
  assert(
    same(written, bytes) || printModel(readModel(written, { external })) === text,
    'an untouched model is not written as it was',
  )
  attempt(() => externalLocations(model))
  attempt(() => [...model._tensors()].map((tensor) => tensor.dataType === 'string' || tensor.elements()))
  return model
}

/** Nothing that a terminal acts on, but line ends. */
function checkText(text: string): void {
  const found = /[^\P{Cc}\n]|[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/u.exec(text)
  assert(found === null, `the printed model holds U+${found?.[0].codePointAt(0)?.toString(16)}`)
}

/** Writes anew what was only copied before. */
function checkRewritten(bytes: Uint8Array): void {
  const model = attempt(() => readModel(bytes, { external }))
  if (model === undefined) return
  const added = attempt(() => {
    model.graph.addInitializer(model.graph.uniqueName('added'), Tensor.of('float32', [1], [1]))
    model.producerName = 'fuzz'
    return printModel(model)
  })
  if (added === undefined) return
  for (const options of [{ external: 'keep' }, {}] as const) {
    const written = attempt(() => encodeModel(model, options))
    if (written === undefined) continue
    const again = printModel(readModel(written, { external }))
    if (options.external === 'keep')
      assert(again === added, 'a model says something else when it was written anew')
  }
}

export const modelTarget: Target = {
  fuzz: (bytes) => void check(bytes),
  share: 30,
  seeds: [Uint8Array.of(8, 8, 58, 0)],
  models: true,
}

const zeros = (length: number) => new Uint8Array(length)
const rising = (length: number, step: number) => Uint8Array.from({ length }, (_, at) => (at * step) % 256)
const decisions = [zeros(64), rising(200, 37), rising(400, 101), rising(800, 173)]

export const structureTarget: Target = {
  fuzz: (bytes) => void check(modelFrom(new Choices(bytes))),
  share: 12,
  seeds: decisions,
}

export const printerTarget: Target = {
  fuzz(bytes) {
    const choices = new Choices(bytes)
    const elements = choices.below(20)
    const made = modelFrom(choices)
    const model = attempt(() => readModel(made))
    if (model === undefined) return
    const text = printModel(model, { elements })
    checkText(text)
    assert(text === printModel(readModel(made), { elements }), 'the same model is printed differently')
  },
  share: 5,
  seeds: decisions,
}

export const writerTarget: Target = {
  fuzz: (bytes) => checkRewritten(modelFrom(new Choices(bytes))),
  share: 6,
  seeds: decisions,
}
