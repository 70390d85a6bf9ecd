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

export type Bytes = Uint8Array<ArrayBuffer>

/** A file of a bundle. */
export interface AssetFile {
  readonly url: string
  readonly bytes: number
  /** In hexadecimal digits. */
  readonly sha256: string
}

/** A part of a variant's weights, in a file of its own. */
export interface AssetShard extends AssetFile {
  /** What the model calls it: the `location` of its external data. */
  readonly path: string
}

/** A variant as a bundle holds it: the manifest's, with the URL that the bundler gave its file. */
export interface AssetVariant
  extends Pick<Variant, 'target' | 'provider' | 'requires' | 'bytes' | 'sha256' | 'recipe' | 'session'> {
  /** Of the file with the graph; so is `sha256`. `bytes` counts the shards too. */
  readonly url: string
  readonly shards?: readonly AssetShard[]
}

/** What the bundler's generated module says of a model. */
export interface AssetDescriptor {
  readonly name: string
  /** Tells assets of one name apart; files in Cache Storage are kept under it. Default: the name. */
  readonly id?: string
  readonly inputs: readonly ValueSignature[]
  readonly outputs: readonly ValueSignature[]
  /** In order of preference. */
  readonly variants: readonly AssetVariant[]
  readonly engines: Readonly<Partial<Record<EngineName, EngineSource>>>
}

export interface Progress {
  /** Bytes so far, which never become fewer, and of the whole variant. */
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
  /** Whether files are kept in Cache Storage for the next visit, by their sha256. Default: true. */
  readonly cache?: boolean
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

/** A variant's files, as onnxruntime takes them: `InferenceSession.create(bytes, { externalData })`. */
export interface Files {
  /** The model, without its weights where there are shards. */
  readonly bytes: Bytes
  readonly externalData?: readonly { readonly path: string; readonly data: Bytes }[]
}

/** A variant's bytes. */
export interface Loaded extends Files {
  readonly variant: AssetVariant
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
  /**
   * Downloads the first variant that this device runs, and the onnxruntime build that it needs, so that `open()` finds
   * both: the variant in Cache Storage, or, where it can't be kept there, in memory until `open()` or `load()` takes it.
   * @throws as `open()` does
   */
  preload(options?: LoadOptions): Promise<AssetVariant>
  /** The verified bytes of the first variant that this device runs, for those who create their sessions themselves. */
  load(options?: LoadOptions): Promise<Loaded>
}
