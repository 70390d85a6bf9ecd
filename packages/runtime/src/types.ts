import type { InferenceSession, Tensor, TypedTensor } from 'onnxruntime-common'
import type { Provider, ValueSignature, Variant } from './manifest'

/** An onnxruntime module, such as `onnxruntime-web/wasm`, as far as it is used here. */
export type Engine = typeof import('onnxruntime-common')

/** How an onnxruntime build is loaded. */
export interface EngineSource {
  readonly load: () => Promise<unknown>
  /** URLs of the WebAssembly and of the script that starts it. Absent in Node. */
  readonly files?: { readonly wasm: string; readonly mjs: string }
}

export type EngineName = 'wasm' | 'webgpu' | 'node'

/** A variant as a bundle holds it: the manifest's, with the URL that the bundler gave its file. */
export interface AssetVariant
  extends Pick<Variant, 'target' | 'provider' | 'requires' | 'bytes' | 'sha256' | 'recipe' | 'session'> {
  readonly url: string
}

/** What the bundler's generated module says of a model. */
export interface AssetDescriptor {
  readonly name: string
  readonly inputs: readonly ValueSignature[]
  readonly outputs: readonly ValueSignature[]
  /** In order of preference. */
  readonly variants: readonly AssetVariant[]
  readonly engines: Readonly<Partial<Record<EngineName, EngineSource>>>
}

export interface Progress {
  /** Bytes so far, and of the whole variant. */
  readonly loaded: number
  readonly total: number
}

export interface LoadOptions {
  /** Take only variants for this execution provider. */
  readonly provider?: Provider
  /** Take only variants for this target. */
  readonly target?: string
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
}

export interface OpenOptions extends LoadOptions {
  /** Session options for onnxruntime; they win over the variant's own. */
  readonly session?: InferenceSession.SessionOptions
}

/** A variant that was passed over, and why. */
export interface Skipped {
  readonly target: string
  readonly provider: Provider
  readonly reason: string
}

/** What a model is fed: tensors, or bare typed arrays for inputs whose shape leaves one dimension open at most. */
export type Feeds<Inputs> = {
  [Name in keyof Inputs]: Inputs[Name] extends TypedTensor<infer Type>
    ? Inputs[Name] | Tensor.DataTypeMap[Type]
    : Inputs[Name] extends TypedTensor<infer Type> | undefined
      ? Inputs[Name] | Tensor.DataTypeMap[Type]
      : Inputs[Name]
}

/** An onnxruntime InferenceSession, typed from the model, that knows which variant it runs. */
export interface OnnxSession<Inputs, Outputs> extends Omit<InferenceSession, 'run' | 'release'> {
  /**
   * Runs the model. Calls may overlap; on one of onnxruntime-web's builds, all sessions take turns.
   * @throws OnnxError ONNX_FEED_INVALID when a feed doesn't fit the model's inputs, ONNX_DISPOSED
   */
  run(feeds: Feeds<Inputs>, options?: InferenceSession.RunOptions): Promise<Outputs>
  /** The variant in use. If its very first run fails, and one of the next does it, the session goes on with that one. */
  readonly variant: AssetVariant
  /** The variants before it, and why they were passed over. */
  readonly skipped: readonly Skipped[]
  /** The onnxruntime session underneath. Its own calls wait for nobody: on WebGPU, two at once hang the page. */
  readonly inference: InferenceSession
  /** Gives the memory back. */
  dispose(): Promise<void>
  release(): Promise<void>
}

/** What `import model from './model.onnx'` gives. */
export interface OnnxAsset<
  Inputs = Readonly<Record<string, Tensor>>,
  Outputs = Readonly<Record<string, Tensor>>,
> {
  readonly name: string
  readonly inputs: readonly ValueSignature[]
  readonly outputs: readonly ValueSignature[]
  readonly variants: readonly AssetVariant[]
  /**
   * Opens a session on the first variant that this device runs. Only that one is downloaded, with the onnxruntime build
   * that it needs; its sha256 is checked. A variant that fails is passed over with its reason.
   * @throws OnnxError ONNX_FETCH_FAILED, ONNX_HASH_MISMATCH, ONNX_SESSION_FAILED when all fail in the same way, else
   *   ONNX_NO_VARIANT; the signal's reason when aborted
   */
  open(options?: OpenOptions): Promise<OnnxSession<Inputs, Outputs>>
  /** The verified bytes of the first variant that this device runs, for those who create their sessions themselves. */
  load(
    options?: LoadOptions,
  ): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly variant: AssetVariant }>
}
