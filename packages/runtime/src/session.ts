import type { InferenceSession, Tensor } from 'onnxruntime-common'
import { exhausted, skip, usable } from './choose'
import { engineOf } from './detect'
import { type Held, hold, loaded } from './download'
import { exclusively, loadEngine } from './engine'
import { errors, messageOf } from './errors'
import { toTensors } from './feeds'
import type {
  AssetDescriptor,
  AssetVariant,
  Engine,
  EngineSource,
  Feeds,
  Loaded,
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

async function createSession(
  model: string,
  source: EngineSource,
  { variant, bytes, externalData }: Loaded,
  own: InferenceSession.SessionOptions | undefined,
): Promise<Opened> {
  try {
    const engine = await loadEngine(source)
    // Node's engine has threads of its own, and takes several calls at once.
    const call = <T>(action: () => Promise<T>) =>
      variant.provider === 'cpu' ? action() : exclusively(engine, action)
    const options = {
      executionProviders: [variant.provider],
      // Errors only: onnxruntime's remarks on its own optimizations are not for the console of a page.
      logSeverityLevel: 3 as const,
      // A copy, since onnxruntime-web writes into the options it is given.
      ...structuredClone(variant.session),
      ...(externalData && { externalData }),
      ...own,
    }
    const inference = await call(() => engine.InferenceSession.create(bytes, options))
    return {
      variant,
      engine,
      inference,
      run: (feeds, runOptions) => call(() => inference.run(feeds, runOptions)),
      release: () => call(() => inference.release()),
    }
  } catch (cause) {
    throw errors.sessionFailed(model, variant.provider, source.files?.wasm, cause)
  }
}

/** Opens the first variant that works, of those after `after`. What fails goes to `skipped`, its error to `failures`. */
async function openNext(
  descriptor: AssetDescriptor,
  options: OpenOptions,
  skipped: Skipped[],
  failures: unknown[] = [],
  after?: AssetVariant,
): Promise<Opened | undefined> {
  const { name, engines } = descriptor
  // Until one is open: targets that share a file share its download.
  const held: Held[] = []
  try {
    for await (const variant of usable(descriptor, options, skipped, after)) {
      try {
        const file = hold(descriptor, variant, options)
        held.push(file)
        const source = engines[engineOf[variant.provider]] as EngineSource
        const opened = await createSession(name, source, await loaded(variant, file), options.session)
        if (!options.signal?.aborted) return opened
        await opened.release()
      } catch (cause) {
        failures.push(cause)
        skipped.push(skip(variant, messageOf(cause)))
      }
      options.signal?.throwIfAborted()
    }
  } finally {
    for (const file of held) file.release()
  }
  return undefined
}

/** Opens the first variant that works; see OnnxAsset.open. */
export async function openSession<Inputs, Outputs>(
  descriptor: AssetDescriptor,
  options: OpenOptions,
): Promise<OnnxSession<Inputs, Outputs>> {
  const { name, inputs } = descriptor
  const skipped: Skipped[] = []
  const failures: unknown[] = []
  const first = await openNext(descriptor, options, skipped, failures)
  if (!first) throw exhausted(name, skipped, failures)
  let current = first
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
      const next = await openNext(descriptor, later, reasons, [], tried)
      if (!next) break
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
