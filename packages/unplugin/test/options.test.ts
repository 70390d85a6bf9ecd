import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createOptionsReader, mergeOptions } from '../src/options/config-file'
import { converterOptions, remoteVariables } from '../src/options/converter-options'
import { limitsOf } from '../src/options/limits'
import { includesModel, modelOptions } from '../src/options/model-options'
import { validateOptions } from '../src/options/validate'

const failure = (options: unknown) => {
  try {
    validateOptions(options, 'onnx()')
  } catch (error) {
    return error as Error & { code: string; cure: string }
  }
  throw new Error('accepted')
}

describe('limits', () => {
  it('are numbers, however they are written, and those alone that are set', () => {
    expect(limitsOf({})).toEqual({})
    expect(limitsOf({ limits: { bytes: '50 MB', tensorBytes: 1024, nodes: 3 } })).toEqual({
      bytes: 50_000_000,
      tensorBytes: 1024,
      nodes: 3,
    })
  })

  it('of the configuration file and those in place are merged key by key', () => {
    expect(mergeOptions({ limits: { nodes: 1, depth: 2 } }, { limits: { nodes: 3 } }).limits).toEqual({
      nodes: 3,
      depth: 2,
    })
  })
})

describe('a value that JSON has no form for', () => {
  it('is shown all the same', () => {
    expect(failure({ limits: { depth: 10n } }).message).toContain('but got 10n')
    const circle: Record<string, unknown> = {}
    circle.targets = circle
    expect(failure({ targets: circle }).message).toContain('but got <ref')
  })
})

describe('globs that say nothing', () => {
  it('mean no model', () => {
    for (const include of ['', './']) expect(includesModel({ include }, '/p/det.onnx', '/p')).toBe(false)
  })
})

describe('validation', () => {
  it('takes every option that there is', () => {
    const options = {
      targets: ['wasm'],
      accuracy: { sqnr: 25, cosine: 0.99, top1: 0.9 },
      models: {
        '**/det.onnx': { calibration: './det.npz', recipes: ['int8'], inputs: { x: [1, 64] } },
        '**/cls.onnx': { calibration: { images: './calib', size: [192, 48], mean: 0.5, std: [1, 1, 1] } },
        '**/vad.onnx': { calibration: { wav: './speech', window: 512, state: { stateN: 'state' } } },
      },
      cache: {
        dir: '.cache',
        maxSize: '2 GB',
        remote: { url: 'https://cache.example.com', teamSlug: 'web', timeout: 500 },
      },
      limits: { bytes: '50 MB', nodes: 20_000, tensorBytes: 2 ** 26, unzipRatio: 1000 },
      dts: false,
      onnxruntime: { cdn: 'https://cdn.jsdelivr.net/npm' },
      include: ['**/*.onnx', /models/],
      exclude: '**/draft/**',
      logLevel: 'warn',
    }
    expect(validateOptions(options, 'onnx()')).toBe(options)
  })

  it.each([
    [{ target: ['wasm'] }, 'ONNX_OPTION_UNKNOWN', '"target"', '"targets"'],
    [{ loglevel: 'info' }, 'ONNX_OPTION_UNKNOWN', '"loglevel"', '"logLevel"'],
    [{ limits: { byte: 1 } }, 'ONNX_OPTION_UNKNOWN', '"limits.byte"', '"bytes"'],
    [{ limits: { nodes: 0 } }, 'ONNX_OPTION_INVALID', '"limits.nodes"', 'from 1 up'],
    [{ limits: { bytes: 'much' } }, 'ONNX_OPTION_INVALID', '"limits.bytes"', 'with a unit'],
    [{ cache: { directory: 'x' } }, 'ONNX_OPTION_UNKNOWN', '"cache.directory"', 'dir'],
    [{ models: { 'a.onnx': { callibration: 'x' } } }, 'ONNX_OPTION_UNKNOWN', 'callibration', '"calibration"'],
    [{ models: { a: { calibration: { images: './p', maen: 1 } } } }, 'ONNX_OPTION_UNKNOWN', 'maen', '"mean"'],
    [
      { models: { a: { calibration: { images: './p', fit: 'cut' } } } },
      'ONNX_OPTION_INVALID',
      'fit',
      "'cover'",
    ],
    [
      { models: { a: { calibration: { wav: './p', state: { h: 1 } } } } },
      'ONNX_OPTION_INVALID',
      'state',
      'a string',
    ],
    [{ models: { a: { calibration: 3 } } }, 'ONNX_OPTION_INVALID', 'calibration', 'a path'],
    [{ accuracy: { sqrn: 3 } }, 'ONNX_OPTION_UNKNOWN', '"accuracy.sqrn"', '"sqnr"'],
    [{ qqqqqqqq: 1 }, 'ONNX_OPTION_UNKNOWN', '"qqqqqqqq"', 'targets, accuracy, prefer'],
    [{ targets: 'wasm' }, 'ONNX_OPTION_INVALID', '"targets"', 'an array of names'],
    [
      { accuracy: 'best' },
      'ONNX_OPTION_INVALID',
      '"accuracy"',
      "must be 'high', 'balanced', 'small' or an object of sqnr",
    ],
    [{ onnxruntime: 'cdn' }, 'ONNX_OPTION_INVALID', '"onnxruntime"', "'external' or { cdn"],
    [{ onnxruntime: {} }, 'ONNX_OPTION_INVALID', '"onnxruntime"', "'external' or { cdn"],
    [{ onnxruntime: { cdm: '//cdn' } }, 'ONNX_OPTION_UNKNOWN', '"onnxruntime.cdm"', '"cdn"'],
    [{ onnxruntime: { cdn: 'npm' } }, 'ONNX_OPTION_INVALID', '"onnxruntime.cdn"', 'https://cdn'],
    [{ dts: 'yes' }, 'ONNX_OPTION_INVALID', '"dts"', 'true or false'],
    [
      { logLevel: 'loud' },
      'ONNX_OPTION_INVALID',
      '"logLevel"',
      "must be 'silent', 'error', 'warn' or 'info'",
    ],
    [{ models: ['a'] }, 'ONNX_OPTION_INVALID', '"models"', 'an object'],
    [{ include: 3 }, 'ONNX_OPTION_INVALID', '"include"', 'a glob'],
    [[], 'ONNX_OPTION_INVALID', 'onnx()', 'an object'],
  ])('refuses %j and says what was meant', (options, code, named, meant) => {
    const error = failure(options)
    expect(error.code).toBe(code)
    expect(error.message).toContain(named)
    expect(`${error.message} ${error.cure}`).toContain(meant)
  })

  it('takes an option that is undefined as absent', () => {
    expect(() => validateOptions({ targets: undefined }, 'onnx()')).not.toThrow()
  })
})

describe('the options of one model', () => {
  const root = '/project'
  const file = '/project/src/models/det.onnx'

  it('depend on where the code runs when no targets are named', () => {
    expect(modelOptions({}, file, root, 'browser').targets).toEqual(['webgpu', 'wasm'])
    expect(modelOptions({}, file, root, 'unknown').targets).toEqual(['webgpu', 'wasm'])
    expect(modelOptions({}, file, root, 'node').targets).toEqual(['node'])
    expect(modelOptions({ targets: ['wasm'] }, file, root, 'node').targets).toEqual(['wasm'])
  })

  it('come from every glob that matches, the later ones over the earlier', () => {
    const models = {
      '**/*.onnx': { accuracy: 'small' as const, calibration: 'all.npz' },
      'src/models/det.onnx': { calibration: 'det.npz' },
      '**/rec.onnx': { calibration: 'rec.npz' },
    }
    expect(modelOptions({ models, accuracy: 'high' }, file, root, 'browser')).toEqual({
      targets: ['webgpu', 'wasm'],
      accuracy: 'small',
      calibration: 'det.npz',
    })
  })

  it('reach models outside of the root by their whole path', () => {
    const models = { '**/vendor/*.onnx': { recipes: ['float16'] } }
    expect(modelOptions({ models }, '/other/vendor/m.onnx', root, 'browser').recipes).toEqual(['float16'])
  })

  it('apply to models that are included and not excluded', () => {
    expect(includesModel({}, file, root)).toBe(true)
    expect(includesModel({ include: 'src/**' }, file, root)).toBe(true)
    expect(includesModel({ include: 'lib/**' }, file, root)).toBe(false)
    expect(includesModel({ include: 'src/**', exclude: [/det/] }, file, root)).toBe(false)
    expect(includesModel({ exclude: './src/models/*.onnx' }, file, root)).toBe(false)
  })
})

describe('the configuration file', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'unplugin-onnx-config-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  it('is not needed', async () => {
    expect(await createOptionsReader(root, { dts: false })()).toEqual({ dts: false })
  })

  it.each(['ts', 'mts', 'js', 'mjs'])(
    'may be onnx.config.%s, TypeScript imports included',
    async (extension) => {
      mkdirSync(join(root, 'shared'))
      writeFileSync(join(root, 'shared/targets.ts'), "export const targets: string[] = ['wasm']\n")
      writeFileSync(
        join(root, `onnx.config.${extension}`),
        "import { targets } from './shared/targets'\nexport default { targets }\n",
      )
      expect(await createOptionsReader(root, {})()).toEqual({ targets: ['wasm'] })
    },
  )

  it('stands under the inline options, models and cache key by key', async () => {
    writeFileSync(
      join(root, 'onnx.config.mjs'),
      "export default { dts: false, targets: ['wasm'], cache: { dir: 'a' }, models: { 'a.onnx': {}, 'b.onnx': {} } }\n",
    )
    const inline = {
      targets: ['node'],
      accuracy: undefined,
      models: { 'b.onnx': { calibration: 'b.npz' } },
    } as object
    expect(await createOptionsReader(root, inline)()).toEqual({
      dts: false,
      targets: ['node'],
      cache: { dir: 'a' },
      models: { 'a.onnx': {}, 'b.onnx': { calibration: 'b.npz' } },
    })
  })

  it('is read again when it changed', async () => {
    const file = join(root, 'onnx.config.mjs')
    const read = createOptionsReader(root, {})
    writeFileSync(file, "export default { logLevel: 'warn' }\n")
    expect((await read()).logLevel).toBe('warn')
    writeFileSync(file, "export default { logLevel: 'error' }\n")
    utimesSync(file, new Date(), new Date(Date.now() + 5000))
    expect((await read()).logLevel).toBe('error')
  })

  it('is held against the same schema, and named in the error', async () => {
    writeFileSync(join(root, 'onnx.config.ts'), 'export default { tagets: [] }\n')
    await expect(createOptionsReader(root, {})()).rejects.toMatchObject({
      code: 'ONNX_OPTION_UNKNOWN',
      message: expect.stringMatching(/onnx\.config\.ts.*tagets.*targets/s),
    })
  })

  it.each([
    [
      'export default {{\n',
      "onnx.config.ts:1:17 can't be read: Unexpected token",
      'Correct what is written there.',
    ],
    [
      "export default { targets: ['wasm'\n",
      'onnx.config.ts:2:1 can\'t be read: Unexpected token, expected ","',
      'Correct what is written there.',
    ],
    [
      "import { x } from './broken'\nexport default x\n",
      "broken.ts:2:1 can't be read: Unexpected token",
      'Correct what is written there.',
    ],
    [
      "import x from './nope'\nexport default x\n",
      "onnx.config.ts imports './nope', which is not there",
      'Correct the path; it starts from where the file lies.',
    ],
    [
      "import x from '@nope/nope/x'\nexport default x\n",
      "onnx.config.ts imports '@nope/nope/x', which is not there",
      'Install it in the project: npm install --save-dev @nope/nope.',
    ],
    [
      'export default defineConfig({})\n',
      'onnx.config.ts fails when it is loaded: defineConfig is not defined',
      'Correct what it runs or imports.',
    ],
    [
      'export const options = {}\n',
      'onnx.config.ts has no default export',
      'It gives the options as its default export: export default defineConfig({ … }).',
    ],
  ])('that holds %j gives an error that says where and what to do', async (text, problem, cure) => {
    writeFileSync(join(root, 'onnx.config.ts'), text)
    writeFileSync(join(root, 'broken.ts'), 'export const\n')
    await expect(createOptionsReader(root, {})()).rejects.toMatchObject({
      code: 'ONNX_CONFIG_UNREADABLE',
      problem,
      cure,
    })
  })

  it('may be CommonJS', async () => {
    writeFileSync(join(root, 'onnx.config.js'), "module.exports = { targets: ['wasm'] }\n")
    expect(await createOptionsReader(root, {})()).toEqual({ targets: ['wasm'] })
  })
})

describe('the remote cache', () => {
  const url = 'https://cache.example.com'

  it('is none without an address', () => {
    expect(converterOptions('/app', { cache: { dir: 'kept' } }, {})).toEqual({
      cacheDir: resolve('/app/kept'),
    })
    expect(converterOptions('/app', {}, { [remoteVariables.token]: 'secret' })).toEqual({})
    expect(converterOptions('/app', {}, { [remoteVariables.url]: '' })).toEqual({})
  })

  it('takes from the environment what is not given, and is read-only unless that is false', () => {
    const environment = {
      [remoteVariables.url]: url,
      [remoteVariables.token]: 'a token',
      [remoteVariables.signatureKey]: 'a key',
      [remoteVariables.teamSlug]: '',
      [remoteVariables.readOnly]: 'false',
    }
    const all = { url, token: 'a token', signatureKey: 'a key', readOnly: false }
    expect(converterOptions('/app', {}, environment)).toEqual({ remote: all })
    const remote = { token: 'mine', readOnly: true, timeout: 1 }
    expect(converterOptions('/app', { cache: { remote } }, environment).remote).toEqual({ ...all, ...remote })
    for (const readOnly of ['true', '', 'yes'])
      expect(
        converterOptions('/app', {}, { ...environment, [remoteVariables.readOnly]: readOnly }).remote,
      ).toMatchObject({ readOnly: true })
  })

  it('shows no secret when its options are wrong', () => {
    const secret = 'no-log-may-hold'
    for (const cache of [
      { remote: { token: [secret] } },
      { remote: { signatureKey: { secret } } },
      { remote: { url: { secret } } },
      { remote: `https://me:${secret}@cache.example.com` },
      [{ remote: { token: secret } }],
    ]) {
      const { code, message, cure, stack } = failure({ cache })
      expect(code).toBe('ONNX_OPTION_INVALID')
      expect(`${message} ${cure} ${stack}`).not.toContain(secret)
    }
    expect(failure({ cache: { remote: { url, readonly: true } } }).cure).toContain('"readOnly"')
  })

  it('stands beside a size for the local one', () => {
    expect(converterOptions('/app', { cache: { maxSize: '2 GB' } }, {})).toEqual({ cacheMaxBytes: 2e9 })
    expect(converterOptions('/app', { cache: { maxSize: false } }, {})).toEqual({
      cacheMaxBytes: Number.POSITIVE_INFINITY,
    })
    expect(failure({ cache: { maxSize: 'much' } }).code).toBe('ONNX_OPTION_INVALID')
  })

  it('has its variables and options in the docs', () => {
    const docs = readFileSync(join(import.meta.dirname, '../../../docs/ci.md'), 'utf8')
    for (const [option, variable] of Object.entries(remoteVariables)) {
      expect(docs).toContain(`\`${variable}\``)
      expect(docs).toContain(`\`${option}\``)
    }
  })

  it('is merged key by key, so that a configuration file can hold all but the secrets', () => {
    expect(
      mergeOptions(
        { cache: { dir: 'kept', remote: { url, timeout: 1 } } },
        { cache: { remote: { timeout: 2 } } },
      ),
    ).toEqual({ cache: { dir: 'kept', remote: { url, timeout: 2 } } })
  })
})
