/** The wire between the build and the runtime: what a conversion made of one model. */

/** Element types as onnxruntime's JavaScript API names them. */
export type TensorType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'int4'
  | 'uint4'
  | 'bool'
  | 'string'

/** One input or output of a model. */
export interface ValueSignature {
  readonly name: string
  readonly type: TensorType
  /** A number is fixed, a string names a symbolic dimension, null is unknown. Absent: the rank is unknown too. */
  readonly dims?: readonly (number | string | null)[]
  /** An input that has a default value and may be left out. */
  readonly optional?: true
}

export type Provider = 'webgpu' | 'wasm' | 'webnn' | 'cpu'

/** Agreement of a variant with its source, the worst over all outputs and samples. */
export interface Accuracy {
  /** Signal-to-quantization-noise ratio in dB, at most 200 (200: bit-identical). */
  readonly sqnr: number
  /** Cosine similarity, -1 to 1. */
  readonly cosine: number
  /** Largest absolute difference of any output element. */
  readonly maxError: number
  /** Share of samples whose arg max over the last axis agrees, 0 to 1. Absent where no output has one to take. */
  readonly top1?: number
}

/** Time of one run beside the source's, in the same engine, on the same inputs, by turns. */
export interface Latency {
  /** Median milliseconds of one run. */
  readonly milliseconds: number
  /** Median of time over the source's time, pair by pair: below 1 is faster. */
  readonly ratio: number
}

/** Score of the user's own task module. */
export interface TaskScore {
  readonly source: number
  readonly variant: number
}

/** What a device must have beyond the provider itself. */
export type DeviceFeature = 'shader-f16'

/** Weights in a file of their own, as ONNX external data: of a variant that is too large for one file. */
export interface Shard {
  /** What the model calls it: the `location` of its external data, relative to the model. */
  readonly path: string
  /** File name inside the conversion's folder. */
  readonly file: string
  readonly bytes: number
  readonly sha256: string
}

/** One converted model for one target. */
export interface Variant {
  readonly target: string
  readonly provider: Provider
  /** Only for devices that have all of these; where one is missing, the next variant is taken. */
  readonly requires?: readonly DeviceFeature[]
  /** File name inside the conversion's folder: of the whole model, or, where there are shards, of the model without them. */
  readonly file: string
  /** The file and all shards together; so are `brotliBytes`. */
  readonly bytes: number
  readonly brotliBytes: number
  /** Of the file. */
  readonly sha256: string
  readonly shards?: readonly Shard[]
  /** Name of the recipe that won: 'float32', 'float16', 'int8', … */
  readonly recipe: string
  readonly accuracy: Accuracy
  readonly latency?: Latency
  readonly task?: TaskScore
  /** onnxruntime session options that this variant wants. */
  readonly session?: Readonly<Record<string, unknown>>
}

/** A recipe that was tried for a target, and what became of it. */
export interface Candidate {
  readonly target: string
  /** What a device must have beyond the provider for it to be one. */
  readonly requires?: readonly DeviceFeature[]
  readonly recipe: string
  readonly bytes: number
  readonly chosen: boolean
  /** One sentence: why it was taken or dropped. */
  readonly reason: string
  readonly accuracy?: Accuracy
  readonly latency?: Latency
  readonly task?: TaskScore
  /** What single layers were left as they were, and why. */
  readonly skipped?: readonly { readonly node: string; readonly reason: string }[]
}

/** What candidates of a conversion were given up for that is the machine's and not theirs: limits, or a process that was killed. */
export interface CutOff {
  /** Seconds that a step was allowed, where one took longer. */
  readonly conversionSeconds?: number
  /** Bytes that a process was allowed, where one took more. */
  readonly workerMemory?: number
  readonly killed?: true
}

export interface Manifest {
  readonly version: 1
  readonly source: {
    readonly file: string
    /** Model and external data together. */
    readonly bytes: number
    readonly brotliBytes: number
    /** Of the model file. */
    readonly sha256: string
    readonly external: readonly {
      readonly location: string
      readonly bytes: number
      readonly sha256: string
    }[]
  }
  readonly inputs: readonly ValueSignature[]
  readonly outputs: readonly ValueSignature[]
  readonly variants: readonly Variant[]
  readonly candidates: readonly Candidate[]
  /** Where the inputs for the verification came from. */
  readonly verifiedOn: {
    readonly source: 'calibration' | 'synthesized'
    readonly samples: number
    /** What was made up, and what to know of the samples. */
    readonly notes?: readonly string[]
  }
  /** onnxruntime versions that ran source and variants. */
  readonly engines: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
  /** Targets for which nothing smaller than the source is within the accuracy budget, and what was tried. */
  readonly missed?: readonly { readonly target: string; readonly tried: string }[]
  /** There where another machine, or this one on another day, may come to more. */
  readonly cutOff?: CutOff
}
