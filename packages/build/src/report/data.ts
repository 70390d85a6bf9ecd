import type { Accuracy, Candidate, Manifest } from '@unplugin-onnx/runtime'

/** Everything that is known about one conversion: `report.json`, and what `report.html` is drawn from. */
export interface ReportData {
  readonly version: 1
  readonly manifest: Manifest
  /** Preset or numbers that the candidates were held against. */
  readonly budget: {
    readonly preset?: string
    readonly sqnr?: number
    readonly cosine?: number
    readonly top1?: number
    readonly maxDrop?: number
  }
  readonly prefer: 'size' | 'speed' | 'balanced'
  readonly effort: 'fast' | 'default' | 'thorough'
  /** Every recipe that was tried, for each target. */
  readonly candidates: readonly ReportCandidate[]
  /** Nodes with weights, in the source's order, the largest first where there are very many. */
  readonly layers: readonly ReportLayer[]
}

export interface ReportCandidate extends Candidate {
  readonly brotliBytes?: number
  readonly outputs?: readonly ({ readonly name: string } & Accuracy)[]
}

export interface ReportLayer {
  /** Name of the weight in the source. */
  readonly name: string
  /** The node that reads it. */
  readonly node: string
  readonly opType: string
  readonly dims: readonly number[]
  readonly dataType: string
  readonly bytes: number
  /** What became of it in each chosen variant. */
  readonly variants: readonly LayerVariant[]
  /** SQNR in dB at the model's outputs with this layer alone in `recipe`; absent where it was not measured. */
  readonly noise?: { readonly recipe: string; readonly sqnr: number }
  readonly weights?: Histogram
  /** What the layer's input held on the inputs of the verification. */
  readonly activations?: Histogram
}

/** A layer's weight in one variant. */
export interface LayerVariant {
  readonly file: string
  /** `none` where the variant has it no more: folded into others, shared with an equal one, or unused. */
  readonly dataType: string
  /** With its scales and zero points. */
  readonly bytes: number
  /** Why it was left in a higher precision than the recipe has for others. */
  readonly kept?: string
  /**
   * SQNR in dB of the weights themselves, at most 200. Absent where they were also changed otherwise, as by a batch
   * normalization that was folded into them.
   */
  readonly sqnr?: number
  /** The weights that can be stored: of the channel with the widest range where there are several. */
  readonly grid?: Grid
  /** The values of the layer's input that can be told apart, where it computes on integers. */
  readonly inputGrid?: Grid
}

/** How many numbers fall into each of some equal bins between `from` and `to`; NaN and infinities into none. */
export interface Histogram {
  readonly from: number
  readonly to: number
  readonly counts: readonly number[]
}

/** The values that a linear quantization has: `from`, and `count - 1` more, each `step` above the one before. */
export interface Grid {
  readonly from: number
  readonly step: number
  readonly count: number
}
