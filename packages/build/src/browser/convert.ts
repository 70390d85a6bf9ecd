import type { Manifest } from '@unplugin-onnx/runtime'
import type { Report } from '../logger'
import { type ModelOptions, normalizeOptions } from '../options'
import { plan } from '../planner/plan'
import type { ReportData } from '../report/data'
import type { BrowserEngine } from './engine'
import type { MemoryInputs } from './inputs'
import { dataBeside, type MemoryModel } from './memory-model'
import { openInMemory } from './open-in-memory'
import { sha256Of } from './work-in-memory'

export interface InMemoryOptions {
  readonly engine: BrowserEngine
  /** Inputs to verify on; without them, inputs are made up. */
  readonly inputs?: MemoryInputs | undefined
  readonly onProgress?: Report
}

export interface ConvertedInMemory {
  /** Sizes under brotli are those of the files: browsers can't compress with it. */
  readonly manifest: Manifest
  readonly report: ReportData
  /** The variants, by the names that the manifest has for them. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** All that was made, by recipe: what was dropped as well. */
  readonly tried: ReadonlyMap<string, Uint8Array>
}

/**
 * Converts a model as a build does, with the same planner, in a page's memory. Of the targets, only those that are verified
 * in WebAssembly can be made here.
 * @throws OnnxError
 */
export async function convertInMemory(
  model: MemoryModel,
  options: Omit<ModelOptions, 'calibration'>,
  { engine, inputs: given, onProgress = () => undefined }: InMemoryOptions,
): Promise<ConvertedInMemory> {
  const opened = await openInMemory(model, given)
  const { inspection, file, totalBytes, inputs, work, runner } = opened
  const normalized = normalizeOptions({ ...options, shards: false }, model.name)
  const external = await Promise.all(
    file.external.map(async (location) => {
      const data = dataBeside(model, location)
      return { location, path: location, bytes: data.length, sha256: await sha256Of(data) }
    }),
  )
  const job = {
    model: file,
    totalBytes,
    external,
    options: normalized,
    targets: normalized.targets,
    engines: new Map([[engine.engine, engine]]),
    calibration: inputs?.data ?? null,
    evaluation: null,
    work: '',
  }
  const { manifest: made, report } = await plan(job, inspection, runner, onProgress)
  const manifest = { ...made, source: { ...made.source, file: model.name } }
  const shipped = new Set(manifest.variants.map((variant) => variant.file))
  return {
    manifest,
    report: {
      ...report,
      manifest,
      candidates: report.candidates.map(({ brotliBytes: _, ...candidate }) => candidate),
    },
    files: new Map([...work.files].filter(([name]) => shipped.has(name))),
    tried: new Map([...work.files].map(([name, bytes]) => [name.replace(/\.onnxv$/, ''), bytes])),
  }
}
