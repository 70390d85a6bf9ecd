import type { InferenceSession } from 'onnxruntime-common'
import { engineOf, missing } from './detect'
import { download } from './download'
import { errors, messageOf, OnnxError } from './errors'
import { toTensors } from './feeds'
import type {
  AssetDescriptor,
  AssetVariant,
  Engine,
  EngineSource,
  Feeds,
  OnnxSession,
  OpenOptions,
  Skipped,
} from './types'

interface Opened {
  readonly inference: InferenceSession
  readonly engine: Engine
  readonly variant: AssetVariant
}

/** The variants that this device runs, in order; those that it can't, and those the caller rules out, go to `skipped`. */
export async function* usable(
  { variants, engines }: AssetDescriptor,
  { provider, target }: OpenOptions,
  skipped: Skipped[],
): AsyncGenerator<AssetVariant, undefined> {
  for (const variant of variants) {
    const asked = (!provider || provider === variant.provider) && (!target || target === variant.target)
    const engine = engineOf[variant.provider]
    const reason = !asked
      ? 'another was asked for'
      : engine && engines[engine]
        ? await missing(variant.provider)
        : `the build holds no onnxruntime for ${variant.provider}`
    if (reason === undefined) yield variant
    else skipped.push({ target: variant.target, provider: variant.provider, reason })
  }
  return undefined
}

/** The error when nothing is left: the one that all share, or a list of reasons. */
export function exhausted(model: string, skipped: readonly Skipped[], failures: readonly unknown[]): Error {
  const [first] = failures
  if (
    first instanceof OnnxError &&
    failures.every((each) => each instanceof OnnxError && each.code === first.code)
  )
    return first
  return errors.noVariant(model, skipped.map(({ target, reason }) => `${target}: ${reason}.`).join(' '))
}

const engines = new WeakMap<EngineSource, Promise<Engine>>()

function loadEngine(source: EngineSource): Promise<Engine> {
  const loading =
    engines.get(source) ??
    source.load().then((module) => {
      // A CommonJS module, as onnxruntime-node is, may come wrapped.
      const { default: inner, ...named } = module as { default?: Engine } & Engine
      const engine = named.InferenceSession ? (module as Engine) : (inner as Engine)
      if (source.files) engine.env.wasm.wasmPaths = source.files
      return engine
    })
  engines.set(source, loading)
  loading.catch(() => engines.delete(source))
  return loading
}

/** Sessions are created one after the other: onnxruntime-web's WebGPU builds can't do two at once. */
let creating: Promise<unknown> = Promise.resolve()

async function createSession(
  model: string,
  source: EngineSource,
  variant: AssetVariant,
  bytes: Uint8Array,
  own: InferenceSession.SessionOptions | undefined,
): Promise<Opened> {
  try {
    const engine = await loadEngine(source)
    const options = { executionProviders: [variant.provider], ...variant.session, ...own }
    const created = creating.then(() => engine.InferenceSession.create(bytes, options))
    creating = created.catch(() => {})
    return { inference: await created, engine, variant }
  } catch (cause) {
    throw errors.sessionFailed(model, variant.provider, cause)
  }
}

/** Opens the first variant that works; see OnnxAsset.open. */
export async function openSession<Inputs, Outputs>(
  descriptor: AssetDescriptor,
  options: OpenOptions,
): Promise<OnnxSession<Inputs, Outputs>> {
  const { name, inputs } = descriptor
  const skipped: Skipped[] = []
  const failures: unknown[] = []
  const order = usable(descriptor, options, skipped)
  // Targets that share a file share its download, until a run has proven the session.
  const files = new Map<string, Promise<Uint8Array>>()

  const pass = ({ target, provider }: AssetVariant, cause: unknown) => {
    failures.push(cause)
    skipped.push({ target, provider, reason: messageOf(cause) })
  }

  const next = async (): Promise<Opened | undefined> => {
    for (let { value: variant } = await order.next(); variant; { value: variant } = await order.next()) {
      try {
        const file = files.get(variant.url) ?? download(name, variant, options)
        files.set(variant.url, file)
        const source = descriptor.engines[engineOf[variant.provider] ?? 'wasm'] as EngineSource
        return await createSession(name, source, variant, await file, options.session)
      } catch (cause) {
        options.signal?.throwIfAborted()
        pass(variant, cause)
      }
    }
    return undefined
  }

  const first = await next()
  if (!first) throw exhausted(name, skipped, failures)
  files.clear() // A fallback later downloads again, or finds its file in the browser's cache: better than holding bytes.
  let current = first
  let falling: Promise<Opened | undefined> | undefined
  let proven = false
  let disposed = false

  const run = async (feeds: Feeds<Inputs>, runOptions?: InferenceSession.RunOptions): Promise<Outputs> => {
    if (disposed) throw errors.disposed(name)
    const used = current
    const tensors = toTensors(name, inputs, feeds as Record<string, unknown>, used.engine)
    try {
      const results = await used.inference.run(tensors, runOptions ?? {})
      proven = true
      return results as Outputs
    } catch (cause) {
      if (proven || disposed) throw cause
      // Some providers bounce a model only when it runs. Of several first runs at once, one looks for the next variant.
      if (current === used) {
        falling ??= next().finally(() => {
          falling = undefined
        })
        const following = await falling
        if (!following) throw cause
        if (current === used) {
          pass(used.variant, cause)
          current = following
          files.clear()
          await used.inference.release().catch(() => {})
        }
      }
      return run(feeds, runOptions)
    }
  }
  const dispose = async () => {
    if (disposed) return
    disposed = true
    await current.inference.release()
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
