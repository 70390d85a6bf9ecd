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
  /** What became of it in each chosen variant, by file. */
  readonly variants: readonly {
    readonly file: string
    readonly dataType: string
    readonly bytes: number
    readonly kept?: string
  }[]
  /** SQNR in dB at the model's outputs with this layer alone at 8 bits, and how it came out; absent where it was not measured. */
  readonly noise?: { readonly recipe: string; readonly sqnr: number }
  /** Share of weights between `from` and `to`, in equal bins. */
  readonly weights?: Histogram
  /** What the layer's input held on the inputs of the verification. */
  readonly activations?: Histogram
}

export interface Histogram {
  readonly from: number
  readonly to: number
  readonly counts: readonly number[]
  /** The values that the quantized tensor can hold (of one channel where there are several), at most 256. */
  readonly grid?: readonly number[]
}
