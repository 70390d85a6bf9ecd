import { applyPasses, OnnxError, type Step, type StepResult, writeModel } from '@unplugin-onnx/core'
import type { Manifest, Variant } from '@unplugin-onnx/runtime'
import type { Feeds } from '../arrays'
import type { SampleSource } from '../calibration/sample-source'
import { passContext } from '../pass-context'
import type { ReportCandidate, ReportData } from '../report/data'
import { sessionOptionsFor } from '../session-options'
import { transformLimits } from '../transform-limits'
import type { InMemoryOptions } from './convert'
import type { MemoryModel } from './memory-model'
import { type OpenInMemory, openInMemory } from './open-in-memory'

export interface TransformedInMemory {
  readonly passes: readonly StepResult[]
  /** A report with one variant. */
  readonly report: ReportData
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Why it could not be compared with its source, where that is so. */
  readonly problem?: string
}

const variantFile = 'transformed.onnx'

/**
 * Applies passes as `unplugin-onnx transform` does, and holds the result against its source as a conversion does.
 * @throws OnnxError
 */
export async function transformInMemory(
  model: MemoryModel,
  steps: readonly Step[],
  { engine, inputs: given, onProgress = () => undefined }: InMemoryOptions,
): Promise<TransformedInMemory> {
  const opened = await openInMemory(model, given)
  const { inspection, file, totalBytes, inputs, work, runner } = opened
  const recipe = steps.map(({ pass }) => pass).join(' + ')
  onProgress('convert', recipe)
  const made = await apply(opened, model, steps, engine)
  const { session } = made

  onProgress('run source')
  const args = [file, inspection, engine, inputs?.data ?? null, {}, ''] as const
  const run = await runner.exec('runSource', [...args])
  onProgress('verify', recipe)
  const verified = run.ok
    ? await runner.exec('verify', [file, made, engine, session, inspection.classes, run, ''])
    : run
  if (verified.ok) onProgress('time', recipe)
  const timed = verified.ok ? await runner.exec('time', [file, made, engine, session, '']) : undefined
  onProgress('describe')
  const skipped = made.passes.flatMap((pass) => pass.skipped)
  const observer = run.ok ? engine : null
  const samples = run.ok ? run.samples : 0
  const described = [{ file: variantFile, skipped }]
  const layers = await runner
    .exec('describe', [file, described, observer, samples, ''])
    // A picture less is nothing to fail for.
    .catch(() => [])

  const accuracy = verified.ok ? verified.accuracy : undefined
  const candidate: ReportCandidate = {
    target: 'passes',
    recipe,
    bytes: made.bytes,
    ...(skipped.length > 0 && { skipped: skipped.slice(0, 100) }),
    ...(accuracy && { accuracy }),
    ...(verified.ok && { outputs: verified.outputs }),
    ...(timed?.ok && { latency: timed.latency }),
    chosen: true,
    reason: 'It is what the passes made.',
  }
  const variant: Variant = {
    target: 'passes',
    provider: 'wasm',
    file: variantFile,
    bytes: made.bytes,
    brotliBytes: made.bytes,
    sha256: made.sha256,
    recipe,
    accuracy: accuracy ?? { sqnr: -200, cosine: 0, maxError: Number.POSITIVE_INFINITY },
    ...(session && { session }),
  }
  const manifest: Manifest = {
    version: 1,
    source: {
      file: model.name,
      bytes: totalBytes,
      brotliBytes: totalBytes,
      sha256: file.sha256,
      external: [],
    },
    inputs: inspection.inputs,
    outputs: inspection.outputs,
    variants: [variant],
    candidates: [],
    verifiedOn: {
      source: inputs === undefined ? 'synthesized' : 'calibration',
      samples,
      ...(run.ok && run.notes.length > 0 && { notes: run.notes }),
    },
    engines: { [engine.name]: engine.version },
    warnings: inspection.warnings,
  }
  return {
    passes: made.passes,
    report: {
      version: 1,
      manifest,
      budget: {},
      prefer: 'size',
      effort: 'fast',
      candidates: [candidate],
      layers,
    },
    files: work.files,
    ...(!verified.ok && { problem: verified.reason }),
  }
}

/** Weights are hardly ever not finite, and to look at each beforehand would be to read all of them twice. */
async function apply(
  opened: OpenInMemory,
  { name }: MemoryModel,
  steps: readonly Step[],
  engine: InMemoryOptions['engine'],
) {
  const source =
    opened.inputs && (await opened.work.openCalibration(opened.inputs.data, sampled(opened, name)))
  const feeds = await all(source)
  const once = async (weightsAreFinite: boolean) => {
    const model = opened.read()
    const reference = feeds.length > 0 ? opened.read() : undefined
    const context = passContext(async () => engine, name, feeds, reference)
    const passes = await applyPasses(model, steps, { ...context, weightsAreFinite })
    const session = sessionOptionsFor(model)
    const kept = await opened.work.keep(variantFile, writeModel(model))
    return { file: variantFile, ...kept, passes, ...(session && { session }) }
  }
  try {
    return await once(true)
  } catch (cause) {
    if (!(cause instanceof OnnxError) || cause.code !== 'ONNX_WEIGHT_NOT_FINITE') throw cause
    return await once(false)
  }
}

const sampled = ({ inspection }: OpenInMemory, name: string) => ({ name, inspection })

async function all(source: SampleSource | undefined): Promise<Feeds[]> {
  const feeds: Feeds[] = []
  for await (const feed of (await source?.samples(transformLimits)) ?? []) feeds.push(feed)
  return feeds
}
