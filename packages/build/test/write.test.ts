/** A variant's file, as the worker writes it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeModel, type Model, readModel, Tensor } from '@unplugin-onnx/core'
import { describe, expect, it } from 'vitest'
import { findEngine } from '../src/engine-package'
import { sha256 } from '../src/hash'
import { workFolder } from '../src/tasks/work-folder'
import { write } from '../src/tasks/write'
import { fixtures, packageRoot, temporaryFolder } from './models'

const folder = temporaryFolder()

/** Names and types of the weights of digits_mlp as a recipe stores them, once a model has been changed. */
async function stored(recipe: string, change: (model: Model) => void = () => undefined) {
  const source = readModel(readFileSync(join(fixtures, 'digits_mlp.onnx')))
  change(source)
  const bytes = encodeModel(source)
  const path = join(folder, 'model.onnx')
  writeFileSync(path, bytes)
  const model = { path, name: 'model.onnx', bytes: bytes.length, sha256: sha256(bytes), external: [] }
  const engine = await findEngine('wasm', packageRoot, model.name)
  const written = await write(
    model,
    { recipe, file: 'variant', places: [] },
    workFolder(model, folder),
    engine,
  )
  if (!written.ok) throw new Error(written.reason)
  const made = readFileSync(join(folder, 'variant'))
  expect(written).toMatchObject({ bytes: made.length, sha256: sha256(made) })
  const variant = readModel(made)
  return {
    types: new Set([...variant.initializers()].map(({ initializer }) => initializer?.dataType)),
    skipped: written.skipped,
  }
}

/** Gives the largest weight a value that isn't finite. */
function spoil(model: Model): void {
  const [largest] = [...model.initializers()].sort(
    (a, b) => (b.initializer?.size ?? 0) - (a.initializer?.size ?? 0),
  )
  if (largest?.initializer === undefined) throw new Error('There is no weight')
  const data = new Float32Array(largest.initializer.float32())
  data[3] = Number.POSITIVE_INFINITY
  largest.initializer = Tensor.fromBytes('float32', largest.initializer.dims, new Uint8Array(data.buffer))
}

describe.each([
  ['int8', 'int8'],
  ['int4', 'uint8'],
  ['int8-dynamic', 'uint8'],
])('a variant by %s', (recipe, type) => {
  it('skips a weight that is not finite, and quantizes all others', async () => {
    const all = await stored(recipe)
    expect(all.types).toContain(type)
    expect(all.skipped.filter(({ reason }) => /NaN/.test(reason))).toEqual([])
    const rest = await stored(recipe, spoil)
    expect(rest.types).toContain(type)
    expect(rest.skipped).toContainEqual(
      expect.objectContaining({ reason: expect.stringMatching(/holds NaN or infinity/) }),
    )
  })
})
