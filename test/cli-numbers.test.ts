/** What a report says, compare says again. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { ReportData } from '@unplugin-onnx/build'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { modelFile } from './apps'

const bin = resolve(import.meta.dirname, '../packages/unplugin/bin/unplugin-onnx.js')
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-numbers-'))
  for (const name of ['digits_mlp', 'kws_gru'])
    for (const ending of ['onnx', 'npz'])
      cpSync(modelFile(`${name}.${ending}`), join(folder, `${name}.${ending}`))
  for (const file of ['digits_ext.onnx', 'digits_ext.onnx.data']) cpSync(modelFile(file), join(folder, file))
})
afterAll(() => rmSync(folder, { recursive: true }))

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, CI: 'true', NO_COLOR: '1' },
  })
  return { code: status, stdout, stderr }
}

interface Compared {
  readonly source: { readonly bytes: number; readonly brotliBytes: number }
  readonly variant: { readonly bytes: number; readonly brotliBytes: number }
  readonly targets: readonly string[]
  readonly samples: number
  readonly from: string
  readonly engine: string
  readonly accuracy: object
  readonly outputs: object
  readonly latency?: { readonly ratio: number }
  readonly task?: { readonly source: number; readonly variant: number }
  readonly others?: readonly Compared[]
}

/** Converts with a report, and compares every file that was written on the same samples. */
function reproduced(model: string, options: readonly string[], again: readonly string[]) {
  const out = `out-${model}-${options.length}-${again.length}`
  const converted = run(
    'convert',
    `${model}.onnx`,
    '-o',
    out,
    '--report',
    '-t',
    'webgpu,wasm,node,portable',
    '--effort',
    'fast',
    ...options,
  )
  expect(converted.code, converted.stderr).toBe(0)
  const report = JSON.parse(readFileSync(join(folder, out, 'report.json'), 'utf8')) as ReportData
  const { variants } = report.manifest
  expect(variants.length).toBeGreaterThan(2)
  const said = variants.map((variant) => {
    const { code, stdout, stderr } = run(
      'compare',
      `${model}.onnx`,
      join(out, variant.file),
      '-t',
      variant.target,
      ...again,
      '--json',
    )
    expect(code, stderr).toBe(0)
    return JSON.parse(stdout) as Compared
  })
  return { report, said, out }
}

function expectSame({ report, said }: ReturnType<typeof reproduced>) {
  const { manifest, candidates } = report
  for (const [index, variant] of manifest.variants.entries()) {
    const { accuracy, target, recipe, requires } = variant
    const compared = said[index]!
    const chosen = candidates.find(
      (each) =>
        each.chosen &&
        each.target === target &&
        each.recipe === recipe &&
        String(each.requires) === String(requires),
    )
    const { source, bytes, brotliBytes } = { ...manifest, ...variant }
    expect(compared.source).toEqual({ bytes: source.bytes, brotliBytes: source.brotliBytes })
    expect(compared.variant).toEqual({ bytes, brotliBytes })
    expect([compared.samples, compared.from]).toEqual([
      manifest.verifiedOn.samples,
      manifest.verifiedOn.source,
    ])
    expect(compared.targets).toEqual([target])
    expect(manifest.engines).toMatchObject(Object.fromEntries([compared.engine.split(' ')]))
    expect(compared.accuracy).toEqual(accuracy)
    expect(compared.accuracy).toEqual(chosen?.accuracy)
    expect(compared.outputs).toEqual(chosen?.outputs)
    expect(compared.task).toEqual(variant.task)
  }
}

describe('compare', () => {
  it.each(['digits_mlp', 'kws_gru'])(
    'reproduces every number of the report of %s on calibration',
    (model) => {
      const options = ['--calibration', `${model}.npz`]
      const made = reproduced(model, options, options)
      expectSame(made)
      expect(made.report.manifest.verifiedOn.source).toBe('calibration')
      // All rows of the file are other samples: the numbers would differ.
      const all = run(
        'compare',
        `${model}.onnx`,
        join(made.out, made.report.manifest.variants[0]!.file),
        '-i',
        `${model}.npz`,
        '--json',
      )
      expect((JSON.parse(all.stdout) as Compared).samples).toBeGreaterThan(
        made.report.manifest.verifiedOn.samples,
      )
    },
  )

  it('reproduces them on the inputs that are made up without calibration, of external data too', () => {
    const made = reproduced('digits_ext', [], [])
    expectSame(made)
    expect(made.report.manifest.verifiedOn.source).toBe('synthesized')
  })

  it('reproduces the scores of a task, and says where they drop too far', () => {
    writeFileSync(
      join(folder, 'eval.mjs'),
      `export default async ({ inputs: [{ name }], run }) => {
        const [output] = Object.values(await run({ [name]: Float32Array.from({ length: 64 }, (_, index) => index % 17) }))
        return output.data.reduce((sum, value) => sum + Math.abs(value), 0)
      }`,
    )
    const made = reproduced(
      'digits_mlp',
      ['--evaluate', 'eval.mjs', '--max-drop', '50%', '-c', 'digits_mlp.npz'],
      ['--evaluate', 'eval.mjs', '-c', 'digits_mlp.npz'],
    )
    expectSame(made)
    const { variants } = made.report.manifest
    expect(variants.every(({ task }) => task !== undefined)).toBe(true)
    const scored = ['compare', 'digits_mlp.onnx', join(made.out, variants[0]!.file), '--evaluate', 'eval.mjs']
    expect(run(...scored, '--max-drop', '50%').code).toBe(0)
    // A sum that an evaluation takes for an error rate: any more is worse.
    writeFileSync(
      join(folder, 'worse.mjs'),
      `import score from './eval.mjs'
      let calls = 0
      export default async (model) => ({ score: (await score(model)) * ++calls, lowerIsBetter: true })`,
    )
    const worse = run(...scored.slice(0, -1), 'worse.mjs', '--max-drop', '1%')
    expect([worse.code, worse.stderr]).toEqual([
      3,
      expect.stringMatching(/score .* is .* worse than the source's/),
    ])
  })

  it('times both beside each other, and warns where samples are not those of the report', () => {
    const out = readdirSync(folder).find((name) => name.startsWith('out-digits_mlp'))!
    const file = readdirSync(join(folder, out)).find((name) => name.endsWith('.onnx'))!
    const { code, stdout, stderr } = run('compare', 'digits_mlp.onnx', join(out, file), '--time', '--json')
    expect(code, stderr).toBe(0)
    expect((JSON.parse(stdout) as Compared).latency?.ratio).toBeGreaterThan(0)
    expect(stderr).toMatch(/verified on calibration samples/)
    const text = run('compare', 'digits_mlp.onnx', join(out, file), '-c', 'digits_mlp.npz', '--time').stdout
    expect(text).toMatch(/32 verification samples for .*wasm.* in onnxruntime-web/)
    expect(text).toMatch(/ms, [\d.]+ times the source's/)
  })
})

describe('convert', () => {
  it('converts several models into folders of their own, with one report', () => {
    const { code, stdout, stderr } = run(
      'convert',
      'digits_mlp.onnx',
      'digits_ext.onnx',
      '-o',
      'several',
      '-t',
      'node',
      '--effort',
      'fast',
      '--json',
    )
    expect(code, stderr).toBe(0)
    const manifests = JSON.parse(stdout) as { source: { file: string } }[]
    expect(manifests.map(({ source }) => source.file)).toEqual(['digits_mlp.onnx', 'digits_ext.onnx'])
    for (const name of ['digits_mlp', 'digits_ext'])
      expect(readdirSync(join(folder, 'several', name))).toContain('manifest.json')
    const reports = JSON.parse(readFileSync(join(folder, 'several/report.json'), 'utf8')) as ReportData[]
    for (const { manifest } of reports)
      for (const { file } of manifest.variants) expect(existsSync(join(folder, 'several', file))).toBe(true)
    expect(readFileSync(join(folder, 'several/report.html'), 'utf8')).toContain('<title>2 models</title>')
  })

  it('converts the others where one model is broken, and exits with 1', () => {
    writeFileSync(join(folder, 'broken.onnx'), 'not a model')
    const { code, stdout, stderr } = run(
      'convert',
      'broken.onnx',
      'digits_mlp.onnx',
      '-o',
      'partly',
      '-t',
      'node',
      '--effort',
      'fast',
      '--json',
    )
    expect([code, stderr]).toEqual([1, expect.stringContaining('broken.onnx')])
    expect(JSON.parse(stdout)).toEqual([
      { error: expect.objectContaining({ model: 'broken.onnx' }) },
      expect.objectContaining({ source: expect.objectContaining({ file: 'digits_mlp.onnx' }) }),
    ])
    expect(existsSync(join(folder, 'partly/digits_mlp/manifest.json'))).toBe(true)
  })

  it('exits with 3 under --strict where nothing is within the budget, and writes nothing', () => {
    const { code, stdout } = run(
      'convert',
      'digits_mlp.onnx',
      '-o',
      'strict',
      '-t',
      'node',
      '-a',
      'sqnr=190',
      '--strict',
      '--effort',
      'fast',
      '--json',
    )
    expect(code).toBe(3)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'ONNX_BUDGET_MISSED' } })
    expect(existsSync(join(folder, 'strict'))).toBe(false)
  })

  it('keeps its cache where it is told, leaves the report out on demand, and says nothing beside JSON', () => {
    const args = [
      'convert',
      'digits_mlp.onnx',
      '-o',
      'plain',
      '-t',
      'node',
      '--effort',
      'fast',
      '--no-report',
      '--cache-dir',
      'kept',
      '--json',
    ]
    expect(run(...args)).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(join(folder, 'plain')).filter((name) => name.startsWith('report'))).toEqual([])
    expect(JSON.parse(run('cache', 'stats', '--cache-dir', 'kept', '--json').stdout)).toMatchObject({
      entries: 1,
      models: 1,
    })
  })

  it('says in a log what it converts, once, and without escapes', () => {
    const { stderr } = run(
      'convert',
      'digits_mlp.onnx',
      '-o',
      'logged',
      '-t',
      'node',
      '--effort',
      'fast',
      '--cache-dir',
      'logged-cache',
    )
    expect(stderr).toBe('digits_mlp.onnx: converting\n')
  })
})

describe('cache', () => {
  it('says where it is, what it holds, and makes room', () => {
    expect(run('cache', 'dir').stdout).toBe(`${join(folder, 'node_modules/.cache/unplugin-onnx')}\n`)
    expect(JSON.parse(run('cache', 'dir', '--cache-dir', 'kept', '--json').stdout)).toEqual({
      dir: join(folder, 'kept'),
    })
    writeFileSync(join(folder, 'onnx.config.mjs'), "export default { cache: { dir: 'own' } }")
    expect(run('cache', 'dir').stdout).toBe(`${join(folder, 'own')}\n`)
    rmSync(join(folder, 'onnx.config.mjs'))
    expect(
      run('convert', 'digits_mlp.onnx', '-o', 'any', '-t', 'node', '--effort', 'fast', '--cache-dir', 'kept')
        .code,
    ).toBe(0)
    expect(run('cache', 'stats', '--cache-dir', 'kept').stdout).toMatch(
      /^entries +1 with [\d.]+ kB\nmodels +1\nlast used +20/,
    )
    expect(run('cache', 'verify', '--cache-dir', 'kept').stdout).toMatch(
      /entr(y holds|ies hold): .* None is damaged\.$/m,
    )
    expect(JSON.parse(run('cache', 'verify', '--cache-dir', 'nowhere', '--json').stdout)).toEqual({
      dir: join(folder, 'nowhere'),
      entries: 0,
      bytes: 0,
      damaged: [],
    })
    expect(run('cache', 'prune', '--cache-dir', 'kept', '--older-than', '1d').stdout).toMatch(
      /^Removed 0 entries: 0 B\. Kept 1 entry/,
    )
    const pruned = JSON.parse(
      run('cache', 'prune', '--cache-dir', 'kept', '--max-size', '1kB', '--json').stdout,
    )
    expect(pruned).toMatchObject({ removed: [{ bytes: expect.any(Number) }], kept: 0, keptBytes: 0 })
    expect(run('cache', 'stats', '--cache-dir', 'kept').stdout).toMatch(/^entries +0 with 0 B/)
  })
})
