import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { endless, greedy } from '../../../test/harness/hard-models.mjs'
import { type Converter, type ConverterOptions, createConverter } from '../src/index'
import { alive as isAlive } from '../src/processes'
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
        converter.convert(join(fixtures, `${name}.onnx`), { effort: 'fast' }),
      ),
    )
    expect(workers()).toHaveLength(1)
  })

  it('cost only their candidate when they crash of it again', async () => {
    const converter = converterWith({
      concurrency: 1,
      onProgress: ({ stage, recipe }) => {
        if (stage !== 'verify' || recipe !== 'int8') return
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

  it.each(['SIGKILL', 'SIGSEGV'] as const)('cost nothing when one ends by %s once', async (signal) => {
    const options = { targets: ['wasm'], effort: 'fast', prefer: 'size' } as const
    const clean = await converterWith({}).convert(model, options)
    const struck = new Set<string>()
    const converter = converterWith({
      concurrency: 1,
      onProgress: ({ stage }) => {
        if (struck.has(stage)) return
        struck.add(stage)
        for (const worker of alive()) worker.kill(signal)
      },
    })
    const { manifest } = await converter.convert(model, options)
    expect(struck.size).toBeGreaterThan(3)
    expect(manifest).toEqual(clean.manifest)
  })

  it('that others kill every time leave a result for now, and no entry that is taken for right', async () => {
    const cacheDir = join(folder, 'killed')
    const options = { targets: ['wasm'], effort: 'fast', prefer: 'size' } as const
    const clean = await converterWith({}).convert(model, options)
    const converter = converterWith({
      cacheDir,
      concurrency: 1,
      onProgress: ({ stage, recipe }) => {
        if (stage === 'verify' && recipe === clean.manifest.variants[0]?.recipe)
          for (const worker of alive()) worker.kill('SIGKILL')
      },
    })
    const { manifest } = await converter.convert(model, options)
    expect(manifest.cutOff).toEqual({ killed: true })
    expect(await converter.convert(model, options)).toMatchObject({ cached: true, manifest })
    const again = await converterWith({ cacheDir }).convert(model, options)
    expect(again).toMatchObject({ cached: false, manifest: clean.manifest })
    expect(again.manifest).not.toHaveProperty('cutOff')
  })

  it('are killed when they take too long, and the model is named', async () => {
    const converter = converterWith({ limits: { conversionSeconds: 0.001 } })
    await expect(converter.convert(model, { effort: 'fast' })).rejects.toMatchObject({
      code: 'ONNX_WORKER_FAILED',
      model: 'digits_cnn.onnx',
      message: expect.stringContaining('longer than 0.001 s'),
      cure: expect.stringContaining('limits.conversionSeconds'),
    })
  })

  it.each([
    ['time', endless(), { conversionSeconds: 3 }, /longer than 3 s/, { conversionSeconds: 30 }],
    ['memory', greedy(2e8), { workerMemory: 500e6 }, /more than 500 MB of memory/, { workerMemory: 20e9 }],
  ] as const)(
    'keep to their limit of %s, and what it cut off is made again under a higher one',
    async (what, bytes, limits, reason, higher) => {
      const file = join(folder, `${what}.onnx`)
      writeFileSync(file, bytes)
      const cacheDir = join(folder, `limit-${what}`)
      const options = { targets: ['wasm'], recipes: ['float16'], effort: 'fast' } as const
      const { manifest } = await converterWith({ cacheDir, limits }).convert(file, options)
      expect(manifest.variants).toMatchObject([{ recipe: 'source' }])
      expect(manifest.cutOff).toEqual(limits)
      expect(manifest.warnings.join()).toMatch(reason)
      const under = (other: ConverterOptions['limits']) =>
        converterWith({ cacheDir, ...(other && { limits: other }) }).find(file, options)
      expect(await under(limits)).toMatchObject({ manifest })
      expect(await under(higher)).toBeUndefined()
    },
  )

  it('end with the process that waits for them, however deep in an engine they are', async () => {
    const file = join(folder, 'endless.onnx')
    writeFileSync(file, endless())
    const parent = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { createConverter } from ${JSON.stringify(join(packageRoot, 'dist/index.js'))}
        const converter = createConverter({ root: ${JSON.stringify(packageRoot)}, cacheDir: ${JSON.stringify(join(folder, 'orphans'))},
          onProgress: ({ stage }) => { if (stage === 'run source') console.log('running') } })
        await converter.convert(${JSON.stringify(file)}, { targets: ['wasm'], effort: 'fast' })`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_PATH: '' } },
    )
    await once(parent.stdout, 'data')
    const children = () =>
      readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8').trim().split(' ').map(Number)
    await vi.waitFor(() => expect(children().length).toBeGreaterThan(0), 10_000)
    const found = children()
    // Time to be in the middle of it.
    await new Promise((resume) => setTimeout(resume, 1500))
    parent.kill('SIGKILL')
    await vi.waitFor(() => expect(found.filter(isAlive)).toEqual([]), 10_000)
  })

  it('end with close(), and what they were at fails with a code', async () => {
    let started = () => {}
    const atWork = new Promise<void>((resolve) => {
      started = resolve
    })
    const converter = converterWith({ onProgress: ({ stage }) => stage === 'convert' && started() })
    const conversion = expect(converter.convert(model, { effort: 'fast' })).rejects.toMatchObject({
      code: 'ONNX_CONVERTER_CLOSED',
    })
    await atWork
    await converter.close()
    await conversion
    await vi.waitFor(() => expect(alive()).toHaveLength(0))
    await expect(
      converter.convert(join(fixtures, 'digits_mlp.onnx'), { effort: 'fast' }),
    ).rejects.toMatchObject({
      code: 'ONNX_CONVERTER_CLOSED',
    })
  })

  it('end by themselves after a while, and start again for the next model', async () => {
    const converter = converterWith({})
    await converter.convert(model, { effort: 'fast' })
    expect(alive().length).toBeGreaterThan(0)
    await vi.waitFor(() => expect(alive()).toHaveLength(0), 60_000)
    await converter.convert(join(fixtures, 'digits_mlp.onnx'), { effort: 'fast' })
  })

  it('let a build that forgets close() end', async () => {
    // Where it didn't, the script would not end, nor this test.
    await runScript(`
      import { createConverter } from ${JSON.stringify(join(packageRoot, 'dist/index.js'))}
      const converter = createConverter({ root: ${JSON.stringify(packageRoot)}, cacheDir: ${JSON.stringify(join(folder, 'forgotten'))} })
      await converter.convert(${JSON.stringify(model)}, { effort: 'fast' })
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
