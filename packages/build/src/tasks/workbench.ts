import type { ExternalReader } from '@unplugin-onnx/core'
import type { Feeds } from '../arrays'
import type { CalibrationData } from '../calibration/data'
import type { SampleSource } from '../calibration/sample-source'
import type { SampledModel } from '../calibration/source-of'
import type { ExternalData } from '../engine'
import type { EngineName } from '../targets'

/** One run of the source: kept, so that each candidate is verified on the same. */
export interface Sample {
  readonly feeds: Feeds
  readonly outputs: Feeds
}

/** What candidates of an engine are verified on, or what passes look at. */
export type SampleSet = EngineName | `observed.${EngineName}` | `resized.${EngineName}`

/** A model whose bytes and external data are there for as long as it is open. */
export interface OpenFile {
  readonly bytes: Uint8Array
  /** For readModel. */
  readonly external: ExternalReader
  close(): void
}

/** The source, whole. */
export interface OpenSource extends OpenFile {
  /** As engines take it. */
  externalData(): ExternalData[]
}

/** What was written: bytes and hash. */
export interface Kept {
  readonly bytes: number
  readonly sha256: string
}

/** Where tasks find the source and keep what they make: a folder in a build's processes, memory in a browser. */
export interface Workbench {
  /** @throws OnnxError ONNX_MODEL_CHANGING */
  openSource(): OpenSource
  /** A variant, or the source where no file is named, to look into: large tensors are read when they are asked for. */
  open(file?: string): OpenFile
  /** Writes a file, and hashes it on the way. */
  keep(file: string, chunks: Iterable<Uint8Array>): Kept | Promise<Kept>
  /** What was written; undefined where it is something else now. */
  read(file: string, sha256: string): Promise<Uint8Array | undefined>
  keepSample(set: SampleSet, index: number, sample: Sample): void
  sample(set: SampleSet, index: number): Sample
  /** @throws OnnxError as openCalibration does */
  openCalibration(data: CalibrationData, model: SampledModel): Promise<SampleSource>
  /** What an engine says that failed, short enough for a sentence. An engine that can't go on may never be answered. */
  problemOf(cause: unknown): Promise<string>
}
