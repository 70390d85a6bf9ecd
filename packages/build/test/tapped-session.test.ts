/** How large weights reach the engines: each way gives what the model gives as a whole. */
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
// First: where onnxruntime-web is there already, it keeps the name 'cpu' for itself.
import 'onnxruntime-node'
import { type Model, readModel, Tensor, tapModel } from '@unplugin-onnx/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Feeds } from '../src/arrays'
import { openModel } from '../src/engine'
import { engineFinder } from '../src/engine-package'
import { openModelFile } from '../src/open-model'
import { passContext } from '../src/pass-context'
import { handovers, openTapped } from '../src/tapped-session'

const folder = fileURLToPath(new URL('../../../test/fixtures/models/', import.meta.url))
const root = fileURLToPath(new URL('..', import.meta.url))
const feed: Feeds = {
  x: {
    type: 'float32',
    dims: [1, 1, 32, 32],
    data: Float32Array.from({ length: 1024 }, (_, i) => (i % 7) / 7),
  },
}
let links: string

beforeAll(() => {
  links = mkdtempSync(join(tmpdir(), 'unplugin-onnx-tapped-'))
})
afterAll(() => rmSync(links, { recursive: true }))

/** The model, its large weights left in their file where `large` is 0. */
async function withModel<T>(path: string, large: number | undefined, use: (model: Model) => Promise<T>) {
  const opened = openModelFile(path, 'model', large)
  try {
    return await use(readModel(opened.bytes, { external: opened.external }))
  } finally {
    opened.close()
  }
}

describe.each(['wasm', 'node'] as const)('a session of %s that shows values', (name) => {
  const engine = engineFinder(name, root, 'model')
  const valuesOf = (model: Model) => model.graph.nodes.map((node) => node.outputs[0]!)

  it.each([
    ['digits_cnn', undefined, 2],
    ['digits_cnn', 0, name === 'node' ? 3 : 2],
    ['digits_ext', undefined, name === 'node' ? 3 : 2],
  ])(
    'gives the same for %s, its weights handed over in each way (large from %s)',
    async (file, large, ways) => {
      const found = await engine()
      await withModel(join(folder, `${file}.onnx`), large, async (model) => {
        const values = valuesOf(model)
        const seen = []
        for (const runs of [1, 100]) {
          let count = 0
          for (const { place, externalData, options } of handovers(found, model, runs)) {
            count++
            const { bytes, taps } = tapModel(model, values, place === undefined ? {} : { place })
            // All but the plainest leave the large weights out.
            expect(bytes.length > 150_000).toBe(count === ways)
            const session = await openModel(found, bytes, externalData, options)
            const outputs = await session.run(
              feed,
              taps.map(({ output }) => output),
            )
            seen.push(taps.map(({ output }) => outputs[output]!))
            await session.close()
          }
          expect(count).toBe(ways)
        }
        const last = seen.pop()!
        for (const each of seen) {
          for (const [index, { dims, data }] of each.entries()) {
            expect(dims).toEqual(last[index]!.dims)
            const expected = last[index]!.data as Float32Array
            const farthest = (data as Float32Array).reduce(
              (most, number, at) => Math.max(most, Math.abs(number - expected[at]!)),
              0,
            )
            expect(farthest).toBeLessThan(1e-4)
          }
        }
      })
    },
  )

  it('takes weights that passes have made', async () => {
    await withModel(join(folder, 'digits_cnn.onnx'), 0, async (model) => {
      const layer = model.graph.nodes.find(({ opType }) => opType === 'Gemm')!
      const weight = layer.inputs[1]!
      const { dims, byteLength } = weight.initializer!
      weight.initializer = Tensor.lazy('float32', dims, () => new Uint8Array(byteLength))
      const bias = layer.inputs[2]!.initializer!.float32()
      const rows: Float32Array[] = []
      await passContext(engine, 'model', [feed]).calibration!.observe(
        model,
        [layer.outputs[0]!],
        ({ data }) => void rows.push(data.slice()),
      )
      expect(rows).toEqual([Float32Array.from(bias)])
    })
  })

  it('finds weights beside a model that is reached through a link', async () => {
    const real = mkdtempSync(join(tmpdir(), 'unplugin-onnx-store-'))
    try {
      copyFileSync(join(folder, 'digits_cnn.onnx'), join(real, 'blob'))
      symlinkSync(join(real, 'blob'), join(links, `${name}.onnx`))
      await withModel(join(links, `${name}.onnx`), 0, async (model) => {
        const [first] = handovers(await engine(), model, 1)
        const { session, taps } = await openTapped(await engine(), model, valuesOf(model), 1)
        expect(Object.keys(await session.run(feed))).toContain(taps[0]!.output)
        await session.close()
        expect(first?.options !== undefined).toBe(name === 'node')
      })
    } finally {
      rmSync(real, { recursive: true })
    }
  })

  it('asks for one sample after the other', async () => {
    const asked: string[] = []
    const samples = {
      length: 3,
      at(index: number) {
        asked.push(`sample ${index}`)
        return feed
      },
    }
    await withModel(join(folder, 'digits_cnn.onnx'), undefined, (model) =>
      passContext(engine, 'model', samples).calibration!.observe(
        model,
        [model.graph.inputs[0]!],
        ({ sample }) => void asked.push(`seen ${sample}`),
        { samples: 2 },
      ),
    )
    expect(asked).toEqual(['sample 0', 'seen 0', 'sample 1', 'seen 1'])
  })
})
