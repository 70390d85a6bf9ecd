import detector from '@ocr-models/ch_PP-OCRv4_det_infer.onnx'
import recognizer from '@ocr-models/ch_PP-OCRv4_rec_infer.onnx'
import classifier from '@ocr-models/ch_ppocr_mobile_v2.0_cls_infer.onnx'
import keys from '@ocr-models/ppocr_keys_v1.txt?raw'
import { type OnnxAsset, type OnnxSession, type Provider, Tensor } from 'unplugin-onnx/runtime'
import type { Models, Run } from './ocr/read'
import { alphabetOf } from './ocr/recognize'

export const alphabet = alphabetOf(keys)

/** What became of one model on this device. */
export interface Opened {
  readonly name: string
  readonly target: string
  readonly provider: Provider
  readonly recipe: string
  readonly bytes: number
  readonly skipped: readonly { readonly target: string; readonly reason: string }[]
}

export interface OpenedModels {
  readonly models: Models
  /** Read it after the first run: a variant that fails there gives way to the next. */
  readonly opened: () => readonly Opened[]
  /** Milliseconds. */
  readonly load: number
  readonly dispose: () => Promise<void>
}

/**
 * Opens the three models.
 * @param provider undefined: the best that this device has
 * @param onProgress share of the downloads, 0 to 1
 */
export async function openModels(
  provider: Provider | undefined,
  onProgress: (share: number) => void,
): Promise<OpenedModels> {
  const start = performance.now()
  const progress = new Map<string, { loaded: number; total: number }>()
  const open = async (asset: OnnxAsset, name: string) => {
    const session = await asset.open({
      ...(provider && { provider }),
      onProgress(state) {
        progress.set(name, state)
        const sum = (key: 'loaded' | 'total') =>
          [...progress.values()].reduce((all, each) => all + each[key], 0)
        onProgress(sum('loaded') / sum('total'))
      },
    })
    return { name, session, run: runner(asset, session) }
  }
  const all = await Promise.all([
    open(detector, 'Detection'),
    open(recognizer, 'Recognition'),
    open(classifier, 'Angle'),
  ])
  const [detect, recognize, classify] = all
  return {
    models: { detect: detect.run, recognize: recognize.run, classify: classify.run },
    opened: () => all.map(({ name, session }) => describe(name, session)),
    load: performance.now() - start,
    dispose: async () => {
      for (const { session } of all) await session.dispose()
    },
  }
}

type Session = OnnxSession<Readonly<Record<string, Tensor>>, Readonly<Record<string, Tensor>>>

function describe(name: string, { variant, skipped }: Session): Opened {
  const { target, provider, recipe, bytes } = variant
  return { name, target, provider, recipe, bytes, skipped }
}

/** Runs a model of one input and one output, whatever they are called. */
function runner({ inputs, outputs }: OnnxAsset, session: Session): Run {
  const [input] = inputs
  const [output] = outputs
  if (!input || !output) throw new Error('the model has no input or no output')
  return async ({ data, dims }) => {
    const results = await session.run({ [input.name]: new Tensor('float32', data, dims) })
    const result = results[output.name]
    if (!(result?.data instanceof Float32Array)) throw new Error(`${output.name} is not float32`)
    return { data: result.data, dims: result.dims }
  }
}
