import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { encodeModel, externalLocations, passes, readModel, Tensor } from '@unplugin-onnx/core'
import { InferenceSession } from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { modelFile } from './apps'

const bin = resolve(import.meta.dirname, '../packages/unplugin/bin/unplugin-onnx.js')
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-cli-'))
  for (const model of ['digits_mlp.onnx', 'digits_mlp.npz', 'digits_ext.onnx', 'digits_ext.onnx.data']) {
    cpSync(modelFile(model), join(folder, model))
  }
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
const json = (text: string): unknown => JSON.parse(text)

describe('convert', () => {
  it('converts by shards into a cache, from which all is put together', () => {
    const common = ['-t', 'wasm,node', '-r', 'float16', '--effort', 'fast', '--cache-dir', 'shared']
    const shards = [1, 2].map((index) => {
      const { code, stdout, stderr } = run(
        'convert',
        '*_mlp.onnx',
        '--shard',
        `${index}/2`,
        '--json',
        ...common,
      )
      expect(code, stderr).toBe(0)
      return json(stdout)
    })
    const made = { cached: false, fetched: false, key: expect.any(String), seconds: expect.any(Number) }
    expect(shards).toMatchObject([
      { shard: 1, of: 2, models: [{ model: 'digits_mlp.onnx', targets: ['wasm'], conversions: [made] }] },
      { shard: 2, of: 2, models: [{ model: 'digits_mlp.onnx', targets: ['node'], conversions: [made] }] },
    ])
    const again = run('convert', '*_mlp.onnx', '--shard', '2/2', ...common).stdout
    expect(again).toMatch(/Shard 2\/2: 1 pair of model and target, 0 of 1 conversions made/)
    expect(run('convert', '*_mlp.onnx', '-o', 'whole', ...common).stdout).toMatch(/from the cache in/)
    const { variants } = json(readFileSync(join(folder, 'whole/manifest.json'), 'utf8')) as {
      variants: { target: string }[]
    }
    expect(variants.map(({ target }) => target)).toEqual(['wasm', 'node'])
  })

  it('wants an output, or a shard that there is, and models that there are', () => {
    for (const [args, text] of [
      [['digits_mlp.onnx'], /required option '-o, --out <dir>' not specified/],
      [['digits_mlp.onnx', '--shard', '1/2', '-o', 'out'], /leave '-o, --out <dir>' out with '--shard'/],
      [['digits_mlp.onnx', '--shard', '3/2'], /which of how many/],
    ] as const) {
      const { code, stderr } = run('convert', ...args)
      expect([code, stderr]).toEqual([2, expect.stringMatching(text)])
    }
    const none = run('convert', 'models/**/*.onnx', '--shard', '1/2')
    expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/No model fits 'models/)])
  })

  it('writes the variants as .onnx files and says in manifest.json what they are', async () => {
    const { code, stdout, stderr } = run(
      'convert',
      'digits_mlp.onnx',
      '--out',
      'out',
      '--target',
      'wasm,node',
    )
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/digits_mlp\.onnx/)
    const manifest = json(readFileSync(join(folder, 'out/manifest.json'), 'utf8')) as {
      source: { file: string; bytes: number }
      variants: { target: string; file: string; bytes: number; accuracy: { sqnr: number } }[]
    }
    expect(manifest.source).toMatchObject({ file: 'digits_mlp.onnx', bytes: 46190 })
    expect(manifest.variants.map(({ target }) => target)).toEqual(['wasm', 'node'])
    for (const { file, bytes, accuracy } of manifest.variants) {
      expect(file).toMatch(/^digits_mlp(\.[\w-]+){1,2}\.onnx$/)
      expect(bytes).toBeLessThan(46190)
      expect(accuracy.sqnr).toBeGreaterThan(25)
      const session = await InferenceSession.create(join(folder, 'out', file))
      await session.release()
    }
  })

  it('takes targets that onnx.config.ts defines, by name and by themselves', () => {
    const config = `import { defineConfig, defineTarget, wasmOperators } from 'unplugin-onnx'

const common = { provider: 'wasm', engine: 'wasm', operators: wasmOperators } as const
defineTarget({ name: 'kiosk', ...common, recipes: ['float16'] })
export default defineConfig({ targets: [{ name: 'tv', ...common, recipes: ['int8'] }] })
`
    const own = mkdtempSync(join(tmpdir(), 'unplugin-onnx-targets-'))
    cpSync(modelFile('digits_mlp.onnx'), join(own, 'digits_mlp.onnx'))
    writeFileSync(join(own, 'onnx.config.ts'), config)
    mkdirSync(join(own, 'node_modules'))
    symlinkSync(resolve(bin, '../..'), join(own, 'node_modules/unplugin-onnx'), 'junction')
    const converted = (...args: string[]) => {
      const command = ['convert', 'digits_mlp.onnx', '--out', 'out', '--json', ...args]
      const { stdout, stderr } = spawnSync(process.execPath, [bin, ...command], {
        cwd: own,
        encoding: 'utf8',
      })
      expect(stderr).toBe('')
      const { variants } = json(stdout) as { variants: { target: string; recipe: string }[] }
      return variants.map(({ target, recipe }) => `${target} ${recipe}`)
    }
    expect(converted()).toEqual(['tv int8'])
    expect(converted('--target', 'kiosk')).toEqual(['kiosk float16'])
    rmSync(own, { recursive: true })
  })

  it('writes one .onnx file for any ONNX Runtime, which needs neither other files nor options', async () => {
    const { code, stderr } = run('convert', 'digits_ext.onnx', '--out', 'portable', '--target', 'portable')
    expect(code, stderr).toBe(0)
    const { variants } = json(readFileSync(join(folder, 'portable/manifest.json'), 'utf8')) as {
      variants: { file: string; accuracy: { sqnr: number }; session?: object }[]
    }
    expect(
      readdirSync(join(folder, 'portable')).filter((file) => !/^(manifest|report)\./.test(file)),
    ).toEqual([variants[0]!.file])
    expect(variants).toEqual([
      expect.objectContaining({ target: 'portable', file: expect.stringMatching(/^digits_ext\..+\.onnx$/) }),
    ])
    expect(variants[0]).not.toHaveProperty('session')
    expect(variants[0]!.accuracy.sqnr).toBeGreaterThan(25)
    const bytes = readFileSync(join(folder, 'portable', variants[0]!.file))
    expect(externalLocations(readModel(bytes))).toEqual([])
    const session = await InferenceSession.create(bytes)
    await session.release()
  })

  it('prints the manifest with --json and nothing else', () => {
    const { code, stdout } = run(
      'convert',
      'digits_mlp.onnx',
      '-o',
      'json',
      '-t',
      'node',
      '-c',
      'digits_mlp.npz',
      '--json',
    )
    expect(code).toBe(0)
    expect(json(stdout)).toMatchObject({
      verifiedOn: { source: 'calibration' },
      variants: [{ target: 'node' }],
    })
  })

  it('takes the options of onnx.config.ts, and its own over them', () => {
    writeFileSync(
      join(folder, 'onnx.config.ts'),
      "export default { targets: ['node'], cache: { dir: '.own' } }\n",
    )
    const configured = run('convert', 'digits_mlp.onnx', '-o', 'a', '--json')
    const asked = run('convert', 'digits_mlp.onnx', '-o', 'b', '-t', 'wasm', '--json')
    rmSync(join(folder, 'onnx.config.ts'))
    expect(json(configured.stdout)).toMatchObject({ variants: [{ target: 'node' }] })
    expect(json(asked.stdout)).toMatchObject({ variants: [{ target: 'wasm' }] })
    expect(existsSync(join(folder, '.own'))).toBe(true)
  })

  it('exits with 3 when no recipe that was asked for reaches the budget, and writes the source', () => {
    const args = ['-t', 'node', '-r', 'int8', '-a', 'sqnr=150', '--json']
    const { code, stdout } = run('convert', 'digits_mlp.onnx', '-o', 'strict', ...args)
    expect(code).toBe(3)
    expect(json(stdout)).toMatchObject({ variants: [{ accuracy: { sqnr: 200 } }] })
  })

  it('exits with 1 and the code of the error when the model is broken', () => {
    writeFileSync(join(folder, 'page.onnx'), '<!doctype html><title>404</title>')
    const { code, stdout } = run('convert', 'page.onnx', '-o', 'page', '--json')
    expect(code).toBe(1)
    expect(json(stdout)).toMatchObject({
      error: { code: expect.stringMatching(/^ONNX_/), message: expect.stringMatching(/HTML/) },
    })
    const plain = run('convert', 'page.onnx', '-o', 'page')
    expect(plain.stderr).toMatch(/HTML[\s\S]*ONNX_/)
    expect(plain.stderr).not.toMatch(/\bat .*:\d+:\d+/)
    expect(existsSync(join(folder, 'page'))).toBe(false)
  })

  it.each([
    [['convert', '-o', 'x'], /model/],
    [['convert'], /models/],
    [['convert', 'digits_mlp.onnx'], /--out/],
    [['convert', 'digits_mlp.onnx', '-o', 'x', '-t', 'wams'], /wasm/],
    [['convert', 'digits_mlp.onnx', '-o', 'x', '-a', 'excellent'], /high, balanced or small/],
    [['convert', 'digits_mlp.onnx', '-o', 'x', '-a', 'blanced'], /Did you mean balanced/],
    [['convert', 'digits_mlp.onnx', '-o', 'x', '-a', 'sqrn=25'], /Did you mean sqnr/],
    [['convert', 'digits_mlp.onnx', '-o', 'x', '--tarets', 'wasm'], /--target/],
    [['convert', 'digits_mlp.onnx', '-o', 'x', '--prefer', 'sped'], /speed/],
    [['convert', 'digits_mlp.onnx', '-o', 'x', '--effort', 'fats'], /fast/],
    [['convert', 'digits_mlp.onnx', '-o', 'x', '--max-drop', '1%'], /--evaluate/],
    [['convert', 'digits_mlp.onnx', '-o', 'x', '--max-drop', 'some'], /0\.5%/],
    [['compare', 'digits_mlp.onnx', 'digits_mlp.onnx', '-i', 'a.npz', '-c', 'b.npz'], /--calibration/],
    [['compare', 'digits_mlp.onnx', 'digits_mlp.onnx', '--target', 'wasm'], /manifest\.json/],
    [['inspect', 'digits_mlp.onnx', '--layers', 'ten'], /whole number/],
    [['cache', 'prune', '--older-than', 'long'], /30d/],
    [['cache', 'prune', '--max-size', 'large'], /500MB/],
    [['cache', 'stat'], /stats/],
    [['cache', 'stats', '--cache-dri', 'x'], /--cache-dir/],
    [['conver', 'digits_mlp.onnx'], /convert/],
    [[], /Usage/],
  ])('exits with 2 on %j', (args, says) => {
    const { code, stderr } = run(...args)
    expect(code).toBe(2)
    expect(stderr).toMatch(says)
  })
})

describe('onnx.config.*', () => {
  it.each([
    ["export default { targts: ['wasm'] }", 2, ['has no option "targts"', 'Did you mean "targets"?']],
    [
      "export default { targets: ['wasm'",
      1,
      ["onnx.config.ts:1:34 can't be read", 'Correct what is written'],
    ],
    ["import x from './x'\nexport default x", 1, ["imports './x', which is not there", 'Correct the path']],
    ["throw new Error('no GPU')", 1, ['fails when it is loaded: no GPU', 'Correct what it runs']],
  ])('that holds %j: code, file, cause and cure, and no stack', (text, exit, says) => {
    const file = join(folder, 'onnx.config.ts')
    writeFileSync(file, text)
    try {
      const { code, stderr } = run('convert', 'digits_mlp.onnx', '-o', 'x')
      expect(code).toBe(exit)
      for (const each of ['onnx.config.ts', ...says]) expect(stderr).toContain(each)
      expect(stderr).toMatch(/^error .+\n.+\n\(ONNX_(OPTION_UNKNOWN|CONFIG_UNREADABLE)\)\n$/)
      expect(stderr).not.toContain(folder)
    } finally {
      rmSync(file)
    }
  })
})

describe('inspect', () => {
  it('says what a model is made of, external data included', () => {
    const { code, stdout } = run('inspect', 'digits_ext.onnx', '--json')
    expect(code).toBe(0)
    expect(json(stdout)).toMatchObject({
      opsets: { 'ai.onnx': 20 },
      parameters: 77004,
      irVersion: 10,
      producer: expect.stringMatching(/^pytorch /),
      inputs: [{ name: 'x', type: 'float32', shape: ['batch', 1, 32, 32] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['batch', 10] }],
      operators: { Relu: 3, Conv: 2 },
      macs: {
        total: [{ factor: 848_352, per: ['batch'] }],
        operators: [{ operator: 'Conv' }, { operator: 'Gemm' }],
        uncounted: [],
      },
      weights: [
        { type: 'float32', tensors: 8, bytes: 308_008 },
        { type: 'int64', tensors: 1, bytes: 16 },
      ],
      external: ['digits_ext.onnx.data'],
    })
  })

  it('says which layers are largest, with shares that add up', () => {
    const { layers } = json(run('inspect', 'digits_ext.onnx', '--json').stdout) as {
      layers: { node: string; operator: string; bytes: number; share: number; shape: number[] }[]
    }
    expect(layers[0]).toMatchObject({ operator: 'Gemm', bytes: 4 * (1536 * 48 + 48), shape: [48, 1536] })
    expect(layers.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12)
    expect(layers.map(({ bytes }) => bytes)).toEqual(layers.map(({ bytes }) => bytes).sort((a, b) => b - a))
    const two = run('inspect', 'digits_ext.onnx', '--layers', '2').stdout
    expect(two).toMatch(/^layers +295\.1 kB +95\.8 % {2}Gemm[\s\S]*\n +10\.5 kB.*\n +and 3 more/m)
  })

  it('runs a model for the MACs of shapes that it leaves open', () => {
    const without = run('inspect', 'digits_ext.onnx').stdout
    expect(without).toMatch(/^MACs +848,352 \* batch$/m)
    const { macs } = json(run('inspect', 'digits_ext.onnx', '--run', '--json').stdout) as { macs: object }
    expect(macs).toMatchObject({
      total: [{ factor: 848_352, per: [] }],
      uncounted: [],
      ranOn: { x: [1, 1, 32, 32] },
    })
  })

  it('keeps apart what a length is multiplied by, where an exporter named it by a formula', () => {
    const model = readModel(readFileSync(join(folder, 'digits_mlp.onnx')))
    for (const value of [...model.graph.inputs, ...model.graph.outputs])
      if (value.type?.kind === 'tensor')
        value.type = { ...value.type, shape: ['floor(n/2) + 1', ...(value.type.shape?.slice(1) ?? [])] }
    writeFileSync(join(folder, 'formula.onnx'), encodeModel(model))
    expect(run('inspect', 'formula.onnx').stdout).toMatch(/^MACs +[\d,]+ \* \(floor\(n\/2\) \+ 1\)$/m)
  })

  it('says for every target whether it runs there, and what is in the way', () => {
    cpSync(modelFile('code_lang.onnx'), join(folder, 'code_lang.onnx'))
    const { targets } = json(run('inspect', 'code_lang.onnx', '--json').stdout) as {
      targets: {
        target: string
        requires: string[]
        runs: boolean
        nodes: { opType: string; outcome: string }[]
      }[]
    }
    expect(targets.map(({ target }) => target)).toEqual([
      'webgpu',
      'webgpu',
      'wasm',
      'webnn',
      'node',
      'portable',
    ])
    expect(targets[0]).toMatchObject({ requires: ['shader-f16'], runs: true })
    expect(targets[1]?.nodes).toContainEqual(expect.objectContaining({ opType: 'Mod', outcome: 'cpu' }))
    expect(targets[2]).toMatchObject({ target: 'wasm', runs: true, nodes: [] })
    const { stdout } = run('inspect', 'code_lang.onnx')
    expect(stdout).toMatch(/^runs on +wasm, node, portable$/m)
    expect(stdout).toMatch(/webgpu, but Mod \(.* and 1 more\): the provider leaves it to the CPU/)
  })

  it('escapes names, whatever they hold', () => {
    const model = readModel(readFileSync(join(folder, 'digits_mlp.onnx')))
    const evil = 'a\u001b[2J\u202eb\nc'
    for (const node of model.graph.nodes) node.name = evil
    model.graph.inputs[0]!.name = evil
    model.producerName = evil
    writeFileSync(join(folder, 'evil.onnx'), encodeModel(model))
    const { code, stdout } = run('inspect', 'evil.onnx')
    expect(code).toBe(0)
    expect(stdout).toContain('a\\x1b[2J\\u202eb\\x0ac')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/)
  })

  it('prints a table for people, and the graph on demand', () => {
    expect(run('inspect', 'digits_mlp.onnx').stdout).toMatch(/^operators +Gemm 3/m)
    expect(run('inspect', 'digits_mlp.onnx', '--graph').stdout).toMatch(/Gemm/)
  })

  it('exits with 1 when there is no such file', () => {
    expect(run('inspect', 'nothing.onnx')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/nothing\.onnx/),
    })
  })
})

describe('transform', () => {
  it('applies passes in the order given and writes one whole file', async () => {
    const passes = ['-p', 'remove-unused', '-p', 'quantize-weights:{"bits":8,"granularity":"channel"}']
    const { code, stdout, stderr } = run(
      'transform',
      'digits_ext.onnx',
      '-o',
      'small.onnx',
      ...passes,
      '--json',
    )
    expect(code, stderr).toBe(0)
    expect(json(stdout)).toMatchObject({ passes: [{ pass: 'remove-unused' }, { pass: 'quantize-weights' }] })
    const bytes = readFileSync(join(folder, 'small.onnx'))
    expect(bytes.byteLength).toBeLessThan(120_000)
    expect([...readModel(bytes).nodes()].map(({ opType }) => opType)).toContain('DequantizeLinear')
    await (await InferenceSession.create(bytes)).release()
    expect(readdirSync(folder).filter((file) => file.endsWith('.tmp'))).toEqual([])
  })

  it('leaves a weight that is not finite and quantizes the others', () => {
    const model = readModel(readFileSync(join(folder, 'digits_mlp.onnx')))
    const spoiled = [...model.initializers()].find(({ initializer }) => initializer?.dims.length === 2)
    const data = new Uint8Array(spoiled?.initializer?.bytes() ?? [])
    new DataView(data.buffer).setFloat32(40, Number.NaN, true)
    if (spoiled?.initializer)
      spoiled.initializer = Tensor.fromBytes('float32', spoiled.initializer.dims, data)
    writeFileSync(join(folder, 'spoiled.onnx'), encodeModel(model))
    const { code, stdout, stderr } = run(
      'transform',
      'spoiled.onnx',
      '-o',
      'left.onnx',
      '-p',
      'quantize-weights',
      '--json',
    )
    expect(code, stderr).toBe(0)
    const [result] = (json(stdout) as { passes: { changed: number; skipped: unknown[] }[] }).passes
    expect(result?.changed).toBeGreaterThan(0)
    expect(result?.skipped).toContainEqual({ node: spoiled?.name, reason: 'holds NaN or infinity' })
    expect(readdirSync(folder).filter((file) => file.endsWith('.tmp'))).toEqual([])
  })

  it('applies a recipe by its name, alone or before passes', async () => {
    const sizes = [
      ['-p', 'int8'],
      ['-r', 'float16'],
      ['-r', 'float32', '-p', 'float16', '-p', 'strip-metadata'],
    ].map((steps) => {
      const { code, stdout, stderr } = run(
        'transform',
        'digits_mlp.onnx',
        '-o',
        'made.onnx',
        ...steps,
        '--json',
      )
      expect(code, stderr).toBe(0)
      return (json(stdout) as { bytes: number }).bytes
    })
    expect(sizes[0]!).toBeLessThan(15_000)
    expect(sizes[1]!).toBeGreaterThan(20_000)
    expect(sizes[2]).toBe(sizes[1])
    const withOptions = run('transform', 'digits_mlp.onnx', '-o', 'never.onnx', '-p', 'int8:{"bits":4}')
    expect([withOptions.code, existsSync(join(folder, 'never.onnx'))]).toEqual([2, false])
  })

  it('lets passes look at activations on calibration inputs, in either engine', () => {
    for (const engine of ['wasm', 'node']) {
      const pass = 'prune-weights:{"criterion":"wanda"}'
      const args = [
        'transform',
        'digits_mlp.onnx',
        '-o',
        'pruned.onnx',
        '-p',
        pass,
        '--engine',
        engine,
        '--json',
      ]
      const without = run(...args)
      expect(json(without.stdout)).toMatchObject({
        passes: [{ changed: 0, skipped: [{ reason: expect.stringContaining('calibration') }] }],
      })
      const { code, stdout, stderr } = run(...args, '--calibration', 'digits_mlp.npz')
      expect(code, stderr).toBe(0)
      expect(json(stdout)).toMatchObject({ passes: [{ changed: 3 }] })
    }
    const missing = run('transform', 'digits_mlp.onnx', '-o', 'never.onnx', '-p', 'int8', '-c', 'nowhere.npz')
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('ONNX_CALIBRATION_NOT_FOUND')])
    expect(existsSync(join(folder, 'never.onnx'))).toBe(false)
  })

  it('minds no reader that has seen enough', () => {
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', `"${process.execPath}" "${bin}" transform --list | head -1`],
      {
        encoding: 'utf8',
      },
    )
    expect([status, stderr]).toEqual([0, ''])
  })

  it('lists what each pass does, its options with defaults and values, and where its method comes from', () => {
    const { stdout } = run('transform', '--list')
    for (const [name, pass] of passes) {
      const section = stdout.slice(stdout.indexOf(`${name}\n`)).split('\n\n')[0]
      const words = section?.replace(/\s+/g, ' ')
      expect(words).toContain(pass.summary)
      expect(words).toContain(`Source: ${pass.source}`)
      for (const [option, fallback] of Object.entries(pass.options)) {
        expect(section).toMatch(new RegExp(`^    ${option} `, 'm'))
        expect(section).toContain(JSON.stringify(fallback))
        for (const word of pass.describe[option]!.split(' ')) expect(words).toContain(word)
      }
    }
    const values = stdout.replace(/\s+/g, ' ')
    expect(values).toContain('("rtn", "mse", "hqq", "k-quant", "gptq", "awq")')
    expect(values).toContain('(7 to 21)')
    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([])
  })

  it('lists the same as JSON', () => {
    const listed = json(run('transform', '--list', '--json').stdout) as { name: string }[]
    expect(listed.map(({ name }) => name)).toEqual([...passes.keys()])
    expect(listed).toContainEqual({
      name: 'dedupe-initializers',
      version: expect.any(Number),
      summary: expect.stringMatching(/\.$/),
      source: expect.any(String),
      options: {
        minBytes: { default: 64, description: expect.any(String) },
        transposed: { default: true, description: expect.any(String) },
      },
    })
    expect(listed).toContainEqual(
      expect.objectContaining({
        name: 'quantize-static',
        needs: 'calibration',
        options: expect.objectContaining({
          percentile: expect.objectContaining({ expects: 'a number from 50 to 100' }),
          weights: expect.objectContaining({ default: 'int8', choices: ['int8', 'uint8'] }),
        }),
      }),
    )
  })

  it.each([
    [['-p', 'quantise-weights'], /quantize-weights/],
    [['-p', 'quantize-weights:{"bit":8}'], /bits/],
    [['-p', 'quantize-weights:bits=8'], /JSON/],
    [[], /--pass/],
  ])('exits with 2 on %j and writes nothing', (passes, says) => {
    const { code, stderr } = run('transform', 'digits_mlp.onnx', '-o', 'never.onnx', ...passes)
    expect(code).toBe(2)
    expect(stderr).toMatch(says)
    expect(existsSync(join(folder, 'never.onnx'))).toBe(false)
  })
})

describe('compare', () => {
  const compare = (...args: string[]) => run('compare', 'digits_mlp.onnx', ...args, '-i', 'digits_mlp.npz')

  it('measures a variant against its source, in either engine', () => {
    expect(run('transform', 'digits_mlp.onnx', '-o', 'compared.onnx', '-p', 'int8').code).toBe(0)
    for (const engine of ['wasm', 'node']) {
      const { code, stdout, stderr } = compare('compared.onnx', '--engine', engine, '--json')
      expect(code, stderr).toBe(0)
      const result = json(stdout) as {
        accuracy: { sqnr: number; top1: number }
        engine: string
        samples: number
        from: string
      }
      expect(result.from).toBe('inputs')
      expect(result.engine).toMatch(engine === 'wasm' ? /^onnxruntime-web 1/ : /^onnxruntime-node 1/)
      expect(result.samples).toBe(64)
      expect(result.accuracy.sqnr).toBeGreaterThan(20)
      expect(result.accuracy.sqnr).toBeLessThan(80)
      expect(result.accuracy.top1).toBeGreaterThan(0.9)
    }
    expect(compare('digits_mlp.onnx').stdout).toMatch(/200\.0 dB +cosine 1\.000000 +largest error 0/)
  })

  it('exits with 3 where the variant is below a budget', () => {
    expect(run('transform', 'digits_mlp.onnx', '-o', 'compared.onnx', '-p', 'int8').code).toBe(0)
    expect(compare('compared.onnx', '-a', 'small').code).toBe(0)
    const missed = compare('compared.onnx', '-a', 'sqnr=120')
    expect([missed.code, missed.stderr]).toEqual([3, expect.stringMatching(/dB short of 120 dB/)])
  })

  it('says where models have nothing to do with each other, and what each of them is fed', () => {
    for (const model of ['digits_cnn.onnx', 'diabetes_mlp.onnx', 'code_lang.onnx'])
      cpSync(modelFile(model), join(folder, model))
    const differing = (variant: string) => {
      const { code, stderr } = run('compare', 'digits_mlp.onnx', variant)
      expect([code, stderr]).toEqual([1, expect.stringContaining('(ONNX_SIGNATURES_DIFFER)')])
      expect(stderr).toContain(
        'digits_mlp.onnx takes x: float32[batch, 64] and gives y: float32[batch, 10]; ',
      )
      expect(stderr).toContain('Compare a model with what was made of it, the source first.')
      return stderr
    }
    expect(differing('digits_cnn.onnx')).toContain(
      "digits_cnn.onnx is no variant of digits_mlp.onnx: its input 'x' is another one.",
    )
    expect(differing('diabetes_mlp.onnx')).toContain(
      'diabetes_mlp.onnx takes x: float32[batch, 10] and gives',
    )
    expect(differing('code_lang.onnx')).toContain(
      "error code_lang.onnx is no variant of digits_mlp.onnx: it has no input 'x'.",
    )
  })
})

it('says its version and what it can do', () => {
  expect(run('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+/) })
  expect(run('--help')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/convert[\s\S]*inspect[\s\S]*transform/),
  })
})
