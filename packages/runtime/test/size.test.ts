import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { build } from 'tsdown'
import { expect, it } from 'vitest'

it('weighs under 4 kB compressed, without onnxruntime', async () => {
  const [bundle] = await build({
    cwd: join(import.meta.dirname, '..'),
    config: false,
    entry: ['src/index.ts'],
    format: 'esm',
    platform: 'neutral',
    external: ['onnxruntime-common'],
    minify: true,
    write: false,
    clean: false, // Of packages/runtime/dist, which other tests import.
    dts: false,
    logLevel: 'error',
  })
  const [chunk] = bundle?.chunks ?? []
  const code = chunk && 'code' in chunk ? chunk.code : ''
  expect(code).toContain('ONNX_HASH_MISMATCH')
  expect(brotliCompressSync(code).length).toBeLessThan(4096)
})
