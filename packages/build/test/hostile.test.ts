import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { OnnxError } from '@unplugin-onnx/core'
import { afterAll, describe, expect, it } from 'vitest'
import { createConverter, type ModelOptions } from '../src/index'
import { fixtures, packageRoot, temporaryFolder } from './models'
import { runScript } from './script'

const folder = realpathSync(temporaryFolder())
const converter = createConverter({ root: folder, cacheDir: join(folder, 'cache') })
afterAll(() => converter.close())

const put = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content)
  return name
}
const newFolder = (name: string): string => {
  mkdirSync(join(folder, name))
  return name
}
const model = readFileSync(join(fixtures, 'digits_mlp.onnx'))
const external = readFileSync(join(fixtures, 'digits_ext.onnx'))

async function failure(file: string, options: ModelOptions = {}): Promise<OnnxError> {
  const error = await converter.convert(file, options).then(
    () => undefined,
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(OnnxError)
  return error as OnnxError
}

/** The model of digits_ext with its data somewhere else; the name keeps its length, so that the bytes around it do. */
function withLocation(location: string): string {
  const old = 'digits_ext.onnx.data'
  expect(location.length).toBe(old.length)
  const text = Buffer.from(external).toString('latin1').replaceAll(old, location)
  return put(`ext-${Buffer.from(location).toString('hex')}.onnx`, Buffer.from(text, 'latin1'))
}

describe('a file that is no model', () => {
  const lfs = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 4745517\n`
  const cases: readonly (readonly [string, string, () => string, string])[] = [
    ['is missing', 'ONNX_MODEL_NOT_FOUND', () => 'no-such.onnx', 'There is no such file'],
    ['is a folder', 'ONNX_MODEL_NOT_A_FILE', () => newFolder('dir.onnx'), 'no file'],
    ['is empty', 'ONNX_EMPTY_FILE', () => put('empty.onnx', ''), 'empty'],
    ['is an LFS pointer', 'ONNX_LFS_POINTER', () => put('lfs.onnx', lfs), 'git lfs pull'],
    [
      'is an HTML page',
      'ONNX_HTML_PAGE',
      () => put('page.onnx', '<!DOCTYPE html><html><body>404</body></html>'),
      'HTML',
    ],
    [
      'is a text',
      'ONNX_TEXT_FILE',
      () => put('text.onnx', 'just a note to myself, several words long'),
      'text',
    ],
  ]
  for (const [what, code, make, message] of cases) {
    it(`is refused when it ${what}`, async () => {
      const file = make()
      const error = await failure(file)
      expect(error.code).toBe(code)
      expect(error.message).toContain(message)
      expect(error.model).toBe(file)
      expect(error.cure).not.toBe('')
    })
  }

  it('is refused when it is cut off, wherever', async () => {
    for (const share of [0.05, 0.5, 0.95]) {
      const error = await failure(put(`cut-${share}.onnx`, model.subarray(0, model.length * share)))
      expect(error.code).toMatch(/^ONNX_/)
      expect(error.model).toBe(`cut-${share}.onnx`)
    }
  })

  it('is named rightly when several files have the same wrong content', async () => {
    const page = '<!doctype html><title>404</title>'
    const names = ['a.onnx', 'b.onnx', 'c.onnx'].map((name) => put(name, page))
    const errors = await Promise.all(names.map((name) => failure(name)))
    expect(errors.map((error) => error.model)).toEqual(names)
  })

  it('costs nothing but itself: the converter goes on', async () => {
    await failure('no-such.onnx')
    copyFileSync(join(fixtures, 'diabetes_mlp.onnx'), join(folder, 'good.onnx'))
    expect((await converter.convert('good.onnx', { effort: 'fast' })).manifest.variants).toHaveLength(2)
  })

  it('shows no path of the machine, and no escape sequence of its name', async () => {
    const error = await failure(join(folder, 'x\u001b[2J.onnx'))
    expect(error.message).not.toContain(folder)
    expect(error.message).toContain('x\\x1b[2J.onnx')
  })
})

describe('external data', () => {
  it('is missed by name', async () => {
    const error = await failure(put('digits_ext.onnx', external))
    expect(error.code).toBe('ONNX_EXTERNAL_DATA_MISSING')
    expect(error.message).toContain("'digits_ext.onnx.data'")
  })

  it('is not read from outside of the folder of the model', async () => {
    mkdirSync(join(folder, 'deeper'))
    copyFileSync(join(fixtures, 'digits_ext.onnx.data'), join(folder, 'secret.bin'))
    for (const location of ['../../../etc/passwd', '/etc/passwd', 'C:\\windows\\win.ini']) {
      const padded = location.padEnd('digits_ext.onnx.data'.length, 'x')
      expect((await failure(withLocation(padded))).code, padded).toBe('ONNX_EXTERNAL_DATA_ESCAPES')
    }
    const linked = Buffer.from(external)
      .toString('latin1')
      .replaceAll('digits_ext.onnx.data', 'link-to-the-secret--')
    symlinkSync('../secret.bin', join(folder, 'deeper', 'link-to-the-secret--'))
    writeFileSync(join(folder, 'deeper', 'm.onnx'), Buffer.from(linked, 'latin1'))
    expect((await failure('deeper/m.onnx')).code).toBe('ONNX_EXTERNAL_DATA_ESCAPES')
  })

  it('that is cut off is reported, not guessed', async () => {
    mkdirSync(join(folder, 'short'))
    copyFileSync(join(fixtures, 'digits_ext.onnx'), join(folder, 'short', 'digits_ext.onnx'))
    writeFileSync(join(folder, 'short', 'digits_ext.onnx.data'), new Uint8Array(1000))
    const conversion = await converter.convert('short/digits_ext.onnx').catch((error: unknown) => error)
    expect(conversion).toMatchObject({ code: 'ONNX_EXTERNAL_DATA_TOO_SHORT', model: 'short/digits_ext.onnx' })
  })
})

describe('calibration', () => {
  it('that is missing or no array is reported with the model', async () => {
    const file = put('digits.onnx', model)
    expect(await failure(file, { calibration: 'none.npz' })).toMatchObject({
      code: 'ONNX_CALIBRATION_NOT_FOUND',
      model: file,
    })
    const damaged = put('damaged.npz', 'no zip at all')
    expect(await failure(file, { calibration: damaged })).toMatchObject({
      code: 'ONNX_CALIBRATION_INVALID',
      model: file,
    })
    const other = join(fixtures, 'kws_gru.npz')
    expect(await failure(file, { calibration: other })).toMatchObject({
      code: 'ONNX_CALIBRATION_UNKNOWN_INPUT',
    })
  })
})

describe('an engine that is not installed', () => {
  it('is asked for with the command that installs it, and only by targets that need it', async () => {
    // A project with all dependencies of this package but onnxruntime-node.
    const project = join(folder, 'project')
    const modules = join(project, 'node_modules')
    mkdirSync(join(modules, '@unplugin-onnx'), { recursive: true })
    const build = join(modules, '@unplugin-onnx', 'build')
    cpSync(join(packageRoot, 'dist'), join(build, 'dist'), { recursive: true })
    copyFileSync(join(packageRoot, 'package.json'), join(build, 'package.json'))
    const { dependencies } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
    for (const name of [...Object.keys(dependencies), 'onnxruntime-web']) {
      symlinkSync(realpathSync(join(packageRoot, 'node_modules', name)), join(modules, name), 'dir')
    }
    writeFileSync(join(project, 'm.onnx'), model)
    const result = await runScript(`
      import { createConverter } from ${JSON.stringify(join(build, 'dist/index.js'))}
      const converter = createConverter({ root: ${JSON.stringify(project)} })
      const outcome = (options) => converter.convert('m.onnx', options).then(
        ({ manifest }) => ({ targets: manifest.variants.map(({ target }) => target) }),
        ({ code, message }) => ({ code, message }),
      )
      console.log(JSON.stringify([await outcome({ targets: ['wasm'] }), await outcome({ targets: ['wasm', 'node'] })]))
      await converter.close()`)
    expect(result).toEqual([
      { targets: ['wasm'] },
      { code: 'ONNX_ENGINE_MISSING', message: expect.stringContaining('npm install onnxruntime-node') },
    ])
  })
})
