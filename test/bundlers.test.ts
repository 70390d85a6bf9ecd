import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type App, builds, createBasicApp, modelFile } from './apps'

const sha256 = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')

/** The output's own code: everything but what onnxruntime-web ships. */
const code = (built: App): string =>
  built
    .files()
    .filter((file) => /\.m?js$/.test(file) && !/\bort[.-]/.test(file))
    .map((file) => built.read(file))
    .join('\n')

const named = (built: App, pattern: RegExp): string[] =>
  built
    .files()
    .map((file) => posix.basename(file))
    .filter((name) => pattern.test(name))

describe.each(Object.entries(builds))('%s', (_, build) => {
  let built: App
  beforeAll(async () => {
    built = createBasicApp()
    await build(built)
  })
  afterAll(() => built.remove())

  it('emits the variants that the code names, with their hashes', () => {
    const hashes = built
      .files()
      .filter((file) => /\.onnxv?$/.test(file))
      .map((file) => sha256(join(built.out, file)))
    const wanted = [...code(built).matchAll(/["']?sha256["']?: ?["'`]([0-9a-f]{64})["'`]/g)].map(
      ([, hash]) => hash,
    )
    expect(wanted.length).toBeGreaterThanOrEqual(4)
    for (const hash of wanted) expect(hashes).toContain(hash)
  })

  it('names files readably, with a hash', () => {
    expect(named(built, /^digits_mlp\.\w+-[\w-]{8,}\.onnxv$/).length).toBeGreaterThan(0)
    expect(named(built, /^diabetes_mlp\.\w+-[\w-]{8,}\.onnxv$/).length).toBeGreaterThan(0)
  })

  it('emits each file of onnxruntime-web once, as it is', () => {
    const dist = join(import.meta.dirname, 'node_modules/onnxruntime-web/dist')
    const sources = [
      'ort-wasm-simd-threaded.asyncify.mjs',
      'ort-wasm-simd-threaded.asyncify.wasm',
      'ort-wasm-simd-threaded.mjs',
      'ort-wasm-simd-threaded.wasm',
      'ort.wasm.min.mjs',
      'ort.webgpu.min.mjs',
    ]
    const emitted = built.files().filter((file) => /\bort[.-]/.test(file))
    expect(emitted.map((file) => sha256(join(built.out, file))).sort()).toEqual(
      sources.map((file) => sha256(join(dist, file))).sort(),
    )
  })

  it('puts all files into the code where it is told to', async () => {
    const whole = createBasicApp()
    await build(whole, { inline: true, targets: ['wasm'], onnxruntime: 'external' })
    expect(named(whole, /\.(?:onnxv?|wasm)$/)).toEqual([])
    const text = code(whole)
    const held = [...text.matchAll(/data:application\/octet-stream;base64,([\w+/=]+)/g)].map(
      ([, body = '']) => createHash('sha256').update(Buffer.from(body, 'base64')).digest('hex'),
    )
    const wanted = [...text.matchAll(/["']?sha256["']?: ?["'`]([0-9a-f]{64})["'`]/g)].map(([, hash]) => hash)
    expect(wanted).toHaveLength(2)
    expect(held.sort()).toEqual([...wanted, sha256(modelFile('digits_mlp.onnx'))].sort())
    whole.remove()
  })

  it('leaves out the engines of targets that are not in use', async () => {
    const lean = createBasicApp()
    await build(lean, { targets: ['wasm'] })
    expect(named(lean, /\.wasm$/)).toHaveLength(1)
    expect(named(lean, /asyncify|webgpu/)).toEqual([])
    expect(code(lean)).not.toContain('webgpu.min')
    lean.remove()
  })

  it('names no file that is missing', () => {
    const names = new Set(named(built, /./))
    const mentioned = [...code(built).matchAll(/[\w.-]+-[\w-]{8,}\.(?:onnxv?|wasm|mjs)/g)].map(
      ([name]) => name,
    )
    expect(mentioned.length).toBeGreaterThanOrEqual(8)
    for (const name of mentioned) expect(names).toContain(name)
  })

  it('gives the untouched file for ?url', () => {
    const source = sha256(modelFile('digits_mlp.onnx'))
    const copies = built
      .files()
      .filter((file) => /\.onnxv?$/.test(file) && sha256(join(built.out, file)) === source)
    expect(copies).toHaveLength(1)
    expect(code(built)).toContain(posix.basename(copies[0]!))
  })

  it('holds no path of the machine that built it', () => {
    expect(code(built)).not.toContain(built.dir)
    expect(code(built)).not.toContain(dirname(import.meta.dirname))
  })
})
