/** Opens calibration data that a test has written. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ValueSignature } from '@unplugin-onnx/runtime'
import { onTestFinished } from 'vitest'
import type { Feeds } from '../src/arrays'
import {
  type CalibrationOptions,
  hashCalibration,
  normalizeCalibration,
  openCalibration,
  type SampledModel,
  type SampleLimits,
  type SamplePart,
} from '../src/calibration'
import { temporaryFolder } from './models'

export const input = (
  name: string,
  dims?: ValueSignature['dims'],
  type: ValueSignature['type'] = 'float32',
): ValueSignature => ({ name, type, ...(dims ? { dims } : {}) })

export const floats = (...dims: number[]) => ({
  dims,
  data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i),
})

export const plenty: SampleLimits = { samples: 32, elements: 4_000_000 }

/** A folder with files in it, gone when the test file is done. */
export function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = temporaryFolder()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

type Model = Partial<SampledModel['inspection']> & Pick<SampledModel, 'run'>

export async function opened(
  root: string,
  calibration: CalibrationOptions,
  inputs: readonly ValueSignature[],
  { outputs = [], vocabularies = [], run }: Model = {},
) {
  const data = await hashCalibration(root, normalizeCalibration(calibration, 'model.onnx'), 'model.onnx')
  if (data === null) throw new Error('there is no calibration')
  const inspection = { inputs, outputs, vocabularies }
  const source = await openCalibration(data, { name: 'model.onnx', inspection, ...(run && { run }) }, root)
  onTestFinished(() => source.close())
  return source
}

/** All samples within limits, with what the source says of itself. */
export async function samplesOf(
  source: Awaited<ReturnType<typeof opened>>,
  limits = plenty,
  part?: SamplePart,
): Promise<{ readonly feeds: Feeds[]; readonly names: string[] }> {
  const set = await source.samples(limits, part)
  const feeds: Feeds[] = []
  for await (const feed of set) feeds.push(feed)
  return { feeds, names: feeds.map((_, index) => set.nameOf(index)) }
}

export async function read(
  root: string,
  calibration: CalibrationOptions,
  inputs: readonly ValueSignature[],
  model: Model = {},
): Promise<Feeds[]> {
  const source = await opened(root, calibration, inputs, model)
  try {
    return (await samplesOf(source)).feeds
  } finally {
    await source.close()
  }
}
