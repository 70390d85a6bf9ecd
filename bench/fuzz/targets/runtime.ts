import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { defineAsset } from '../../../packages/runtime/src/asset'
import { toTensors } from '../../../packages/runtime/src/feeds'
import type { Provider, TensorType, ValueSignature } from '../../../packages/runtime/src/manifest'
import type { AssetDescriptor, AssetVariant, Engine } from '../../../packages/runtime/src/types'
import { Choices } from '../choices'
import { assert, attempt, attemptAsync } from '../verdict'
import type { Target } from './target'

const engine = createRequire(import.meta.url)('onnxruntime-common') as Engine

const types: readonly TensorType[] = ['float32', 'int64', 'uint8', 'float16', 'bool', 'string', 'int4']
const providers: readonly Provider[] = ['webgpu', 'wasm', 'webnn', 'cpu']
const content = new TextEncoder().encode('the model')
const right = createHash('sha256').update(content).digest('hex')

const signature = (choices: Choices): ValueSignature => ({
  name: choices.name(),
  type: choices.one(types),
  ...(choices.byte() > 60 && {
    dims: Array.from({ length: choices.below(4) }, () => choices.one([1, 2, 0, 'n', null, -1, 0.5])),
  }),
  ...(choices.byte() > 200 && { optional: true as const }),
})

/** What fails here fails at once: of a server that doesn't answer, several tries would be waited for. */
const url = (choices: Choices): string =>
  choices.one([
    `data:application/octet-stream;base64,${Buffer.from(content).toString('base64')}`,
    'data:text/html,<html>',
    'file:///no/such/file',
    `file:///${choices.name()}`,
  ])

const hash = (choices: Choices): string => (choices.byte() > 60 ? right : choices.name())
const size = (choices: Choices): number => choices.one([content.length, content.length, 0, -1, 2 ** 53])

const variant = (choices: Choices): AssetVariant => ({
  target: choices.name(),
  provider: choices.one(providers),
  recipe: choices.name(),
  url: url(choices),
  bytes: size(choices),
  sha256: hash(choices),
  ...(choices.byte() > 200 && { requires: ['shader-f16' as const] }),
  ...(choices.byte() > 180 && {
    shards: [{ path: choices.name(), url: url(choices), bytes: size(choices), sha256: hash(choices) }],
  }),
})

const feed = (choices: Choices): unknown =>
  choices.one([
    new Float32Array(2),
    new Float32Array(0),
    new BigInt64Array(2),
    ['a', 'b'],
    { type: 'float32', dims: [1, 2], data: new Float32Array(2) },
    { type: choices.name(), dims: [choices.byte()] },
    choices.value(),
  ])

/** What a build says of a model is a module of its own making; the names, types and shapes in it are the model's. */
export const runtimeTarget: Target = {
  async fuzz(bytes) {
    const choices = new Choices(bytes)
    const inputs = Array.from({ length: choices.below(4) }, () => signature(choices))
    const feeds = Object.fromEntries(
      Array.from({ length: choices.below(4) }, (_, at) => [
        inputs[at]?.name ?? choices.name(),
        feed(choices),
      ]),
    )
    const tensors = attempt(() => toTensors('x', inputs, feeds, engine))
    if (tensors !== undefined)
      assert(
        Object.getPrototypeOf(tensors) === null &&
          Object.keys(tensors).every((name) => Object.hasOwn(feeds, name)),
        'tensors are made of what nobody gave',
      )
    const descriptor: AssetDescriptor = {
      name: choices.name(),
      inputs,
      outputs: [],
      variants: Array.from({ length: choices.below(3) }, () => variant(choices)),
      engines: { wasm: { load: async () => engine }, node: { load: async () => engine } },
    }
    const loaded = await attemptAsync(() => defineAsset(descriptor).load({ cache: false }))
    if (loaded) assert(Buffer.from(loaded.bytes).equals(content), 'bytes are given that have another sha256')
  },
  share: 1.5,
  seeds: [
    new Uint8Array(32),
    Uint8Array.from({ length: 128 }, (_, at) => (at * 37) % 256),
    Uint8Array.from({ length: 128 }, (_, at) => (at * 91 + 13) % 256),
  ],
}
