/** Weights cut into files: bounded, complete, and the same from version to version. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { encodeModel, Model, readModel, type Shard, shardBytes, shardsOf, Tensor } from '../src/index'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const maxBytes = 64 * 1024

/** Weights of a few kB each, all different. */
function weights(count: number, seed = 1): Map<string, Uint8Array> {
  let state = seed
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return new Map(
    Array.from({ length: count }, (_, index) => {
      const length = 4 * (300 + Math.floor(next() * 4000))
      return [`w${index}`, Uint8Array.from({ length }, () => next() * 256)] as const
    }),
  )
}

function modelOf(tensors: ReadonlyMap<string, Uint8Array>): Model {
  const model = Model.create({ opsetImports: { '': 13 } })
  for (const [name, bytes] of tensors)
    model.graph.addInitializer(name, Tensor.fromBytes('float32', [bytes.length / 4], bytes))
  return model
}

const joined = (shard: Shard): Uint8Array => Buffer.concat([...shardBytes(shard)])
const namesOf = (tensors: ReadonlyMap<string, Uint8Array>): string[] =>
  shardsOf(modelOf(tensors), sha256, maxBytes).map((shard) => sha256(joined(shard)))

describe('shards', () => {
  it('hold all weights within the limit, aligned, and what is left of the model is small and whole with them', () => {
    const tensors = weights(100)
    const model = modelOf(tensors)
    const shards = shardsOf(model, sha256, maxBytes)
    expect(shards.length).toBeGreaterThan(5)
    const places = new Map()
    const files = new Map<string, Uint8Array>()
    for (const [index, shard] of shards.entries()) {
      const bytes = joined(shard)
      expect(bytes.length).toBe(shard.byteLength)
      expect(bytes.length).toBeLessThanOrEqual(maxBytes)
      files.set(`${index}.data`, bytes)
      for (const { tensor, offset } of shard.tensors) {
        expect(offset % 64).toBe(0)
        places.set(tensor, { location: `${index}.data`, offset, length: tensor.byteLength })
      }
    }
    const graph = encodeModel(model, { places })
    expect(graph.length).toBeLessThan(20_000)
    const again = readModel(graph, {
      external: (location) => {
        const bytes = files.get(location)!
        return { byteLength: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) }
      },
    })
    const found = new Map(
      [...again.initializers()].map(({ name, initializer }) => [name, initializer!.bytes()]),
    )
    for (const [name, bytes] of tensors) expect(Buffer.compare(found.get(name)!, bytes)).toBe(0)
  })

  it('fill files to about half of the limit', () => {
    const tensors = weights(400)
    const total = [...tensors.values()].reduce((sum, { length }) => sum + length, 0)
    const mean = total / namesOf(tensors).length
    expect(mean).toBeGreaterThan(maxBytes * 0.3)
    expect(mean).toBeLessThan(maxBytes * 0.8)
  })

  it.each([
    ['changes', (tensors: Map<string, Uint8Array>) => tensors.set('w40', weights(41, 7).get('w40')!)],
    ['goes', (tensors: Map<string, Uint8Array>) => void tensors.delete('w40')],
    [
      'is added',
      (tensors: Map<string, Uint8Array>) => {
        const rest = [...tensors].slice(40)
        for (const [name] of rest) tensors.delete(name)
        tensors.set('new', weights(1, 9).get('w0')!)
        for (const [name, bytes] of rest) tensors.set(name, bytes)
      },
    ],
  ])('stay as they are, but for one or two, where a tensor %s', (_, edit) => {
    const before = namesOf(weights(200))
    const tensors = weights(200)
    edit(tensors)
    const after = namesOf(tensors)
    const fresh = after.filter((name) => !before.includes(name))
    expect(before.length).toBeGreaterThan(20)
    expect(fresh.length).toBeGreaterThan(0)
    expect(fresh.length).toBeLessThanOrEqual(4)
  })

  it('give a tensor over the limit a file of its own, and leave small ones and strings in the model', () => {
    const large = new Uint8Array(maxBytes * 3)
    const model = modelOf(new Map([...weights(3), ['large', large], ['small', new Uint8Array(1020)]]))
    const shards = shardsOf(model, sha256, maxBytes)
    const sizes = shards.map(({ tensors }) => tensors.map(({ tensor }) => tensor.byteLength))
    expect(sizes).toContainEqual([large.length])
    expect(sizes.flat()).not.toContain(1020)
  })
})
