/** The code of a model's module: what it says of variants, and which engines it brings along. */
import type { Conversion } from '@unplugin-onnx/build'
import type { Variant } from '@unplugin-onnx/runtime'
import { describe, expect, it } from 'vitest'
import type { Bundler } from '../src/emit/bundler'
import { assetModule } from '../src/module/asset-module'
import { cdnUrl, engineModule } from '../src/module/engine-module'
import { engineOfProvider, webEngine, webVersion } from '../src/module/engines'

const accuracy = { sqnr: 40, cosine: 1, maxError: 0 }
const variant = (target: string, provider: Variant['provider'], more: Partial<Variant> = {}): Variant => ({
  target,
  provider,
  file: `${target}.onnxv`,
  bytes: 10,
  brotliBytes: 9,
  sha256: 'abc',
  recipe: 'float16',
  accuracy,
  ...more,
})

const bundler: Bundler = {
  note() {},
  runs: 'browser',
  nodeEngine: '"onnxruntime-node"',
  take: async (file) => ({ head: [], url: JSON.stringify(file) }),
}

async function moduleOf(...variants: Variant[]): Promise<string> {
  const conversion = { dir: '', manifest: { inputs: [], outputs: [], variants } } as unknown as Conversion
  return assetModule('/models/det.onnx', 'models/det.onnx', conversion, bundler)
}

describe('the module of a model', () => {
  it('names the asset by its path in the project, which stays from version to version', async () => {
    expect(await moduleOf(variant('wasm', 'wasm'))).toContain('name: "det",\n  id: "det-pwlpeu",')
  })

  it('hands on what a variant requires of the device, and its session options', async () => {
    const session = { extra: { session: { disable_quant_qdq: '1' } } }
    const code = await moduleOf(
      variant('webgpu', 'webgpu', { requires: ['shader-f16'] }),
      variant('wasm', 'wasm', { session }),
    )
    expect(code).toContain('"target":"webgpu","provider":"webgpu","requires":["shader-f16"],"bytes":10')
    expect(code).toContain(`"recipe":"float16","session":${JSON.stringify(session)}`)
    expect(code.match(/requires/g)).toHaveLength(1)
  })

  it('brings the WebGPU build of onnxruntime for WebNN, which holds both, and once for the two', async () => {
    const code = await moduleOf(variant('webnn', 'webnn'), variant('webgpu', 'webgpu'))
    expect(code.match(/^import .*engine.*$/gm)).toEqual([
      'import webgpuEngine from "unplugin-onnx/engine/webgpu"',
    ])
    expect(engineOfProvider.webnn).toBe('webgpu')
    expect(webEngine('webgpu', process.cwd()).wasm).toContain('asyncify')
  })
})

describe('the module of an engine', () => {
  it('names each file of the build once', async () => {
    const code = await engineModule('wasm', process.cwd(), bundler)
    for (const file of Object.values(webEngine('wasm', process.cwd())))
      expect(code.split(JSON.stringify(file))).toHaveLength(2)
  })

  it('names files of another server in the version that is installed', async () => {
    const code = await engineModule('webgpu', process.cwd(), bundler, { cdn: 'https://cdn.test/npm/' })
    const version = webVersion(process.cwd())
    expect(code).toContain(
      `"https://cdn.test/npm/onnxruntime-web@${version}/dist/ort-wasm-simd-threaded.asyncify.wasm"`,
    )
    expect(code).not.toContain('node_modules')
  })

  it.each([
    ['https://a.test/npm', 'https://a.test/npm/onnxruntime-web@1.2.3/dist/ort.mjs'],
    ['https://a.test/ort/{version}', 'https://a.test/ort/1.2.3/ort.mjs'],
    ['https://a.test/ort/{file}?v={version}', 'https://a.test/ort/ort.mjs?v=1.2.3'],
  ])('reads %s as %s', (cdn, url) => {
    expect(cdnUrl(cdn, '1.2.3', 'ort.mjs')).toBe(url)
  })

  it("names no file where the page's import map knows the package, and no package that a bundler would find", async () => {
    const code = await engineModule('wasm', process.cwd(), bundler, 'external')
    expect(code).toContain('import(')
    expect(code).not.toMatch(/files|wasm|onnxruntime-web/)
  })
})
