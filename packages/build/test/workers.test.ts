import type { ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Converter, type ConverterOptions, createConverter } from '../src/index'
import { fixtures, packageRoot, temporaryFolder } from './models'
import { runScript } from './script'

const folder = temporaryFolder()
const model = join(fixtures, 'digits_cnn.onnx')
const childProcess = createRequire(import.meta.url)('node:child_process') as {
  fork(...args: unknown[]): ChildProcess
}
const forks = vi.spyOn(childProcess, 'fork')
const workers = () => forks.mock.results.map((result) => result.value as ChildProcess)
const alive = () => workers().filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)

let count = 0
const open: Converter[] = []
const converterWith = (options: Partial<ConverterOptions>) => {
  const converter = createConverter({
    root: packageRoot,
    cacheDir: join(folder, `cache-${count++}`),
    ...options,
  })
  open.push(converter)
  return converter
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((converter) => converter.close()))
  forks.mockClear()
})

describe('worker processes', () => {
  it('are no more than allowed, however many models there are', async () => {
    const converter = converterWith({ concurrency: 1 })
    await Promise.all(
      ['digits_cnn', 'digits_mlp', 'digits_mobile'].map((name) =>
        converter.convert(join(fixtures, `${name}.onnx`)),
      ),
    )
    expect(workers()).toHaveLength(1)
  })

  it('cost only their candidate when they crash', async () => {
    let killed = false
    const converter = converterWith({
      concurrency: 1,
      onProgress: ({ stage, recipe }) => {
        if (stage !== 'verify' || recipe !== 'int8' || killed) return
        killed = true
        for (const worker of alive()) worker.kill('SIGSEGV')
      },
    })
    const { manifest } = await converter.convert(model, {
      targets: ['wasm'],
      effort: 'fast',
      prefer: 'speed',
    })
    const dead = manifest.candidates.filter(({ reason }) => reason.includes('SIGSEGV'))
    expect(dead).toMatchObject([{ chosen: false }])
    expect(manifest.variants[0]?.recipe).toBe(manifest.candidates.find(({ chosen }) => chosen)?.recipe)
    expect(manifest.variants[0]?.recipe).not.toBe('source')
  })

  it('are killed when they take too long, and the model is named', async () => {
    const converter = converterWith({ timeout: 1 })
    await expect(converter.convert(model)).rejects.toMatchObject({
      code: 'ONNX_WORKER_FAILED',
      model: 'digits_cnn.onnx',
      message: expect.stringContaining('longer than 0.001 s'),
    })
  })

  it('end with close(), and what they were at fails with a code', async () => {
    let started = () => {}
    const atWork = new Promise<void>((resolve) => {
      started = resolve
    })
    const converter = converterWith({ onProgress: ({ stage }) => stage === 'convert' && started() })
    const conversion = expect(converter.convert(model)).rejects.toMatchObject({
      code: 'ONNX_CONVERTER_CLOSED',
    })
    await atWork
    await converter.close()
    await conversion
    await vi.waitFor(() => expect(alive()).toHaveLength(0))
    await expect(converter.convert(join(fixtures, 'digits_mlp.onnx'))).rejects.toMatchObject({
      code: 'ONNX_CONVERTER_CLOSED',
    })
  })

  it('end by themselves after a while, and start again for the next model', async () => {
    const converter = converterWith({})
    await converter.convert(model)
    expect(alive().length).toBeGreaterThan(0)
    await vi.waitFor(() => expect(alive()).toHaveLength(0), 60_000)
    await converter.convert(join(fixtures, 'digits_mlp.onnx'))
  })

  it('let a build that forgets close() end', async () => {
    // Where it didn't, the script would not end, nor this test.
    await runScript(`
      import { createConverter } from ${JSON.stringify(join(packageRoot, 'dist/index.js'))}
      const converter = createConverter({ root: ${JSON.stringify(packageRoot)}, cacheDir: ${JSON.stringify(join(folder, 'forgotten'))} })
      await converter.convert(${JSON.stringify(model)})
      console.log('{}')`)
  })

  it('tell how far they are', async () => {
    const texts: string[] = []
    const converter = converterWith({ onProgress: ({ text }) => void texts.push(text) })
    await converter.convert(model, { targets: ['wasm'], calibration: join(fixtures, 'digits_cnn.npz') })
    expect(texts).toContain('digits_cnn.onnx: running the source 32/32')
    expect(texts).toContain('int8 of digits_cnn.onnx: converting')
    expect(texts).toContain('int8 of digits_cnn.onnx: verifying 3/32')
    expect(texts.at(-1)).toBe('digits_cnn.onnx: done')
  })
})
