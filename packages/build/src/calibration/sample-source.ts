import type { Feeds } from '../arrays'

/** How much is taken, spread evenly over what there is. */
export interface SampleLimits {
  readonly samples: number
  /** Input elements that all samples may have together, so that large images don't take minutes. */
  readonly elements: number
}

/** What samples are for. What a pass was fitted to proves nothing: the parts are disjoint. */
export type SamplePart = 'calibration' | 'verification'

/** Samples that are read when they are asked for. */
export interface SampleSet extends AsyncIterable<Feeds> {
  readonly length: number
  /** @throws OnnxError ONNX_CALIBRATION_SAMPLE_INVALID */
  at(index: number): Promise<Feeds>
  /** Where a sample is from, as the user knows it: `'row 3'`, `'photos/cat.jpg'`. */
  nameOf(index: number): string
}

/** Sample inputs of a model, complete and checked against its signature. */
export interface SampleSource {
  readonly kind: 'calibration' | 'synthesized'
  readonly count: number
  /** What was chosen for the user, and what is missing, in sentences. */
  readonly notes: readonly string[]
  /**
   * Some of the samples, the same on every machine. They are on disk, one at a time in memory, and can be read again.
   * @param part all, unless one is named; with fewer than 8 samples every part is all of them
   */
  samples(limits: SampleLimits, part?: SamplePart): Promise<SampleSet>
  close(): Promise<void>
}

/** What a kind of calibration data gives: inputs by sample, read when they are asked for. */
export interface Rows {
  readonly length: number
  /** @throws Error that says what is wrong with this sample */
  at(index: number): Promise<Feeds>
  nameOf(index: number): string
  /** Samples of one group belong together, such as steps of one sequence or windows of one recording. */
  groupOf(index: number): number
  /** Input elements of a sample. */
  elementsOf(index: number): number | Promise<number>
  readonly notes: readonly string[]
  close(): Promise<void>
}

/** One sample on its way to where it is kept. */
export interface Step {
  readonly feeds: Feeds
  readonly group: number
  readonly name: string
}
