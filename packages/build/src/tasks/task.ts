import type { Accuracy, ValueSignature } from '@unplugin-onnx/runtime'
import type { CalibrationFile } from '../calibration'
import type { EnginePackage } from '../engine-package'
import type { Overrides } from '../synthesize'

/** The source of a conversion, as worker processes need it. */
export interface ModelFile {
  readonly path: string
  /** For messages. */
  readonly name: string
  readonly bytes: number
  readonly sha256: string
  /** Locations of external data. */
  readonly external: readonly string[]
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

export type SourceRun = Attempt<{ readonly source: 'calibration' | 'synthesized'; readonly samples: number }>
export type Written = Attempt<{
  readonly file: string
  readonly bytes: number
  readonly sha256: string
  readonly skipped: readonly Skip[]
}>
export type Verified = Attempt<{ readonly accuracy: Accuracy }>
/** Weights that stay in float16, and why. */
export type Mixed = Attempt<{ readonly keep: readonly Skip[] }>

/** What worker processes do. All arguments and results are plain data. */
export interface Tasks {
  /** Reads a model. */
  inspect(model: Pick<ModelFile, 'path' | 'name' | 'sha256'>): Inspection
  /** Runs the source on calibration or synthesized inputs and keeps inputs and outputs in the work folder. */
  runSource(
    model: ModelFile,
    inspection: Inspection,
    engine: EnginePackage,
    calibration: CalibrationFile | null,
    overrides: Overrides,
    work: string,
  ): SourceRun
  /** Applies a recipe and writes the variant into the work folder; `keep` names weights that it leaves alone. */
  /** @param engine evaluates constant subgraphs */
  write(
    model: ModelFile,
    recipe: string,
    work: string,
    engine: EnginePackage,
    keep?: readonly string[],
  ): Written
  /** Finds the weights that a recipe has to leave alone to reach `sqnr` dB. */
  mix(
    model: ModelFile,
    recipe: string,
    sqnr: number,
    engine: EnginePackage,
    samples: number,
    work: string,
  ): Mixed
  /** Runs a variant on what the source was run on. */
  verify(
    file: string,
    engine: EnginePackage,
    classes: readonly string[],
    samples: number,
    work: string,
  ): Verified
  /** Size under brotli, all files together. */
  compress(paths: readonly string[]): number
}

/** What a task tells while it is at work. */
export type TaskEvent =
  | { readonly kind: 'step'; readonly done: number; readonly total: number }
  /** The last words of a process that can't go on. */
  | { readonly kind: 'crash'; readonly reason: string }
