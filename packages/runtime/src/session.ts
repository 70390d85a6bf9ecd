import type { InferenceSession, Tensor } from 'onnxruntime-common'
import { orAborted } from './abort'
import { firstOf, skip } from './choose'
import { download } from './download'
import { exclusively, loadEngine } from './engine'
import * as errors from './errors'
import { messageOf } from './errors'
import { toTensors } from './feeds'
import type {
  AssetDescriptor,
  AssetVariant,
  Engine,
  EngineSource,
  Feeds,
  Files,
  OnnxSession,
  OpenOptions,
  Skipped,
} from './types'

interface Opened {
  readonly variant: AssetVariant
  readonly engine: Engine
  readonly inference: InferenceSession
  run(feeds: Record<string, Tensor>, runOptions: InferenceSession.RunOptions): Promise<unknown>
  release(): Promise<void>
}

const create = (
  { InferenceSession }: Engine,
  { provider, session }: AssetVariant,
  { bytes, externalData }: Files,
  own: InferenceSession.SessionOptions | undefined,
) =>
  InferenceSession.create(bytes, {
    executionProviders: [provider],
    // Errors only: onnxruntime's remarks on its own optimizations are not for the console of a page.
    logSeverityLevel: 3,
    // A copy, since onnxruntime-web writes into the options it is given.
    ...structuredClone(session),
    ...(externalData && { externalData }),
    ...own,
  })

type Call = <T>(action: () => Promise<T>) => Promise<T>

/** Node's engine has threads of its own, and takes several calls at once. */
const callsOf =
  (engine: Engine, { provider }: AssetVariant): Call =>
  (action) =>
    provider === 'cpu' ? action() : exclusively(engine, action)

/** In a scope of its own, where no bytes of the model are: these functions live as long as the session. */
const openedOn = (
  variant: AssetVariant,
  engine: Engine,
  inference: InferenceSession,
  call: Call,
): Opened => ({
  variant,
  engine,
  inference,
  run: (feeds, runOptions) => call(() => inference.run(feeds, runOptions)),
  release: () => call(() => inference.release()),
})

async function createSession(
  model: string,
  source: EngineSource,
  variant: AssetVariant,
  files: Files,
  own: InferenceSession.SessionOptions | undefined,
): Promise<Opened> {
  try {
    const engine = await loadEngine(source)
    const call = callsOf(engine, variant)
    return openedOn(variant, engine, await call(() => create(engine, variant, files, own)), call)
  } catch (cause) {
    throw errors.sessionFailed(model, variant.provider, source.files?.wasm, cause)
  }
}

/** Opens the first variant that works, of those after `after`. */
async function openNext(
  descriptor: AssetDescriptor,
  options: OpenOptions,
  skipped: Skipped[],
  after?: AssetVariant,
): Promise<Opened> {
  // Targets that share a file share its download.
  const downloads = new Map<string, Promise<Files>>()
  const open = async (variant: AssetVariant, source: EngineSource) => {
    const files = downloads.get(variant.url) ?? download(descriptor, variant, options)
    downloads.set(variant.url, files)
    const opened = await createSession(descriptor.name, source, variant, await files, options.session)
    if (options.signal?.aborted) await opened.release()
    return opened
  }
  return firstOf(descriptor, options, open, skipped, after)
}

/** Opens the first variant that works; see OnnxAsset.open. */
export const openSession = <Inputs, Outputs>(
  descriptor: AssetDescriptor,
  options: OpenOptions,
): Promise<OnnxSession<Inputs, Outputs>> =>
  // What an engine is at can't be ended; what comes of it is given back.
  orAborted(options.signal, sessionOf(descriptor, options))

async function sessionOf<Inputs, Outputs>(
  descriptor: AssetDescriptor,
  options: OpenOptions,
): Promise<OnnxSession<Inputs, Outputs>> {
  const { name, inputs } = descriptor
  const skipped: Skipped[] = []
  let current = await openNext(descriptor, options, skipped)
  let disposed = false
  /** Whether a run went through, or none did on any variant: from then on errors are the caller's. */
  let settled = false
  let falling: Promise<unknown> | undefined

  /** Some providers bounce a model only when it runs. A variant takes over once it did what the one before it couldn't. */
  const fallBack = async (
    feeds: Record<string, unknown>,
    runOptions: InferenceSession.RunOptions,
    cause: unknown,
  ): Promise<unknown> => {
    const failed = current
    const reasons = [skip(failed.variant, messageOf(cause))]
    // The signal was for opening, and may have timed out since.
    const { signal: _, ...later } = options
    for (let tried = failed.variant; !disposed; ) {
      const next = await openNext(descriptor, later, reasons, tried).catch(() => {
        throw cause
      })
      tried = next.variant
      try {
        const outputs = await next.run(toTensors(name, inputs, feeds, next.engine), runOptions)
        if (disposed) throw cause
        current = next
        skipped.push(...reasons)
        failed.release().catch(() => {})
        return outputs
      } catch (reason) {
        reasons.push(skip(next.variant, messageOf(reason)))
        await next.release().catch(() => {})
      }
    }
    throw cause
  }

  const run = async (
    feeds: Feeds<Inputs>,
    runOptions: InferenceSession.RunOptions = {},
  ): Promise<Outputs> => {
    if (disposed) throw errors.disposed(name)
    const used = current
    const given = feeds as Record<string, unknown>
    const tensors = toTensors(name, inputs, given, used.engine)
    try {
      const outputs = await used.run(tensors, runOptions)
      settled = true
      return outputs as Outputs
    } catch (cause) {
      // Of several first runs at once, one looks for another variant, and the others wait for it.
      if (falling) await falling.catch(() => {})
      if (current !== used) return run(feeds, runOptions)
      if (settled || disposed) throw cause
      settled = true
      falling = fallBack(given, runOptions, cause).finally(() => {
        falling = undefined
      })
      return (await falling) as Outputs
    }
  }

  const dispose = async () => {
    if (disposed) return
    disposed = true
    await current.release()
  }

  return {
    run,
    dispose,
    release: dispose,
    skipped,
    get variant() {
      return current.variant
    },
    get inference() {
      return current.inference
    },
    get inputNames() {
      return current.inference.inputNames
    },
    get outputNames() {
      return current.inference.outputNames
    },
    get inputMetadata() {
      return current.inference.inputMetadata
    },
    get outputMetadata() {
      return current.inference.outputMetadata
    },
    startProfiling: () => current.inference.startProfiling(),
    endProfiling: () => current.inference.endProfiling(),
  }
}
