import type { Accuracy, DeviceFeature, Latency, Shard, ValueSignature } from '@unplugin-onnx/runtime'
import type { OutputAccuracy } from '../accuracy'
import type { Budget } from '../budget'
import type { CalibrationData, Overrides } from '../calibration'
import type { EnginePackage } from '../engine-package'
import type { EvaluationModule } from '../evaluation'
import type { InputLimits } from '../limits'
import type { OperatorTable, UnsupportedNode } from '../operators'
import type { ReportLayer } from '../report/data'
import type { SessionOptions } from '../session-options'
import type { SampleSet } from './workbench'

/** The source of a conversion, as worker processes need it. */
export interface ModelFile {
  readonly path: string
  /** For messages. */
  readonly name: string
  readonly bytes: number
  readonly sha256: string
  /** Locations of external data. */
  readonly external: readonly string[]
  /** What it may ask for; the defaults for what isn't said. */
  readonly limits?: Partial<InputLimits>
}

/** What reading a model, without running it, tells. */
export interface Inspection {
  readonly inputs: readonly ValueSignature[]
  readonly outputs: readonly ValueSignature[]
  readonly external: readonly string[]
  /** Outputs that hold class scores along their last axis. */
  readonly classes: readonly string[]
  /** Rows of the tables that whole-number inputs look up, by input. */
  readonly vocabularies: readonly (readonly [input: string, rows: number])[]
  readonly warnings: readonly string[]
}

export interface Skip {
  readonly node: string
  readonly reason: string
}

/** A step that may fail without failing the conversion: a reason then stands in for the result. */
export type Attempt<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly reason: string }

export type SourceRun = Attempt<{
  readonly source: 'calibration' | 'synthesized'
  readonly samples: number
  /** Samples that passes may look at; they are not among those that candidates are verified on. */
  readonly observed: number
  /** Whether the source gives the same, bit by bit, when it runs again. */
  readonly steady: boolean
  /** Whether there is one more sample, with open axes of other lengths. */
  readonly resized: boolean
  /** What was chosen for the user about the samples, and what is missing, in sentences. */
  readonly notes: readonly string[]
}>

export interface WriteRequest {
  readonly recipe: string
  /** Name in the work folder. */
  readonly file: string
  /** Names of weights that the recipe's first quantization leaves alone. */
  readonly keep?: readonly string[]
  /** Samples that passes may look at. */
  readonly samples?: { readonly of: SampleSet; readonly count: number }
  /** Providers whose operator tables the variant is held against. */
  readonly places: readonly OperatorPlace[]
}

/** An operator table, and what a device must have. */
export interface OperatorPlace {
  readonly operators: OperatorTable
  readonly requires: readonly DeviceFeature[]
}

/** What a provider does not run as it should: nodes that the variant has and the source has not, and the source's own. */
export interface Bounced {
  readonly added: readonly UnsupportedNode[]
  readonly inherited: readonly UnsupportedNode[]
}

/** A variant in the work folder. */
export interface VerifiedFile {
  readonly file: string
  readonly sha256: string
  readonly shards?: readonly Shard[]
}

/** A variant in several files, in the work folder. */
export type Sharded = Attempt<VerifiedFile & { readonly shards: readonly Shard[] }>

export type Written = Attempt<
  VerifiedFile & {
    readonly bytes: number
    readonly skipped: readonly Skip[]
    readonly session?: SessionOptions
    /** In the order of the places that were asked for. */
    readonly bounced: readonly Bounced[]
  }
>
export type Verified = Attempt<{ readonly accuracy: Accuracy; readonly outputs: readonly OutputAccuracy[] }>
export type Timed = Attempt<{ readonly latency: Latency }>
export type Scored = Attempt<{ readonly score: number; readonly lowerIsBetter: boolean }>

/** How loud weights are at the model's outputs, measured together. */
export interface Loudness {
  readonly weights: readonly string[]
  /** Signal-to-noise at the outputs, in dB, with these alone at the recipe's bits. */
  readonly sqnr: number
}

/** Weights that stay above the recipe's bits, and why; and all that was measured on the way. */
export type Mixed = Attempt<{ readonly keep: readonly Skip[] }> & { readonly loudness: readonly Loudness[] }

export interface SearchRequest {
  readonly mix: string
  readonly budget: Partial<Budget>
  /** Variants that may be made and run in all. */
  readonly runs: number
}

export interface DescribedVariant {
  readonly file: string
  readonly skipped: readonly Skip[]
}

export interface Sizes {
  /** External data included. */
  readonly bytes: number
  readonly brotliBytes: number
}

/** What worker processes do. All arguments and results are plain data. */
export interface Tasks {
  /** Reads a model. */
  inspect(model: Pick<ModelFile, 'path' | 'name' | 'sha256' | 'limits'>): Inspection
  /** Runs the source on calibration or synthesized inputs and keeps inputs and outputs in the work folder. */
  runSource(
    model: ModelFile,
    inspection: Inspection,
    engine: EnginePackage,
    calibration: CalibrationData | null,
    overrides: Overrides,
    work: string,
  ): SourceRun
  /** Runs the source on all samples of calibration data. */
  runSamples(
    model: ModelFile,
    inspection: Inspection,
    engine: EnginePackage,
    calibration: CalibrationData,
    overrides: Overrides,
    work: string,
  ): SourceRun
  /**
   * Applies a recipe and writes the variant into the work folder.
   * @param engine evaluates constant subgraphs and observes activations
   */
  write(model: ModelFile, request: WriteRequest, work: string, engine: EnginePackage): Written
  /** Cuts a variant into a file without weights and shards of at most so many bytes each, as far as tensors allow. */
  shard(variant: VerifiedFile, maxBytes: number, work: string): Sharded
  /** Finds the weights that a mix has to leave alone to be within the budget. */
  search(
    model: ModelFile,
    request: SearchRequest,
    engine: EnginePackage,
    options: SessionOptions | undefined,
    classes: readonly string[],
    samples: number,
    work: string,
  ): Mixed
  /** Runs a variant on what the source was run on. */
  verify(
    model: ModelFile,
    file: VerifiedFile,
    engine: EnginePackage,
    options: SessionOptions | undefined,
    classes: readonly string[],
    run: Extract<SourceRun, { ok: true }>,
    work: string,
  ): Verified
  /** Times a variant beside its source. */
  time(
    model: ModelFile,
    file: VerifiedFile,
    engine: EnginePackage,
    options: SessionOptions | undefined,
    work: string,
  ): Timed
  /** Lets the user's module score a variant, or without one the source. */
  evaluate(
    model: ModelFile,
    inspection: Inspection,
    file: VerifiedFile | null,
    evaluation: EvaluationModule,
    engine: EnginePackage,
    options: SessionOptions | undefined,
    work: string,
  ): Scored
  /** What became of each weight, for the report. */
  describe(
    model: ModelFile,
    variants: readonly DescribedVariant[],
    engine: EnginePackage | null,
    samples: number,
    work: string,
  ): readonly ReportLayer[]
  /**
   * Sizes of files together.
   * @param folder that they lie in, where they are no absolute paths
   */
  compress(files: readonly string[], folder?: string): Sizes
}

/** Runs tasks, one at a time or several. */
export interface TaskRunner {
  /** What one task may take; Infinity where there is no limit. */
  readonly limits: { readonly conversionSeconds: number; readonly workerMemory: number }
  /** @throws OnnxError as the task threw it, WorkerDied where the process that ran it ended */
  exec<K extends keyof Tasks>(
    task: K,
    args: Parameters<Tasks[K]>,
    onEvent?: (event: TaskEvent) => void,
  ): Promise<ReturnType<Tasks[K]>>
}

/** What a task tells while it is at work. */
export type TaskEvent =
  | { readonly kind: 'step'; readonly done: number; readonly total: number }
  /** The last words of a process that can't go on. */
  | { readonly kind: 'crash'; readonly reason: string }
