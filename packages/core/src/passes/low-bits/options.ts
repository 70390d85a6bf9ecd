/** Options of quantize-weights, narrowed. */
export interface WeightOptions {
  readonly bits: 8 | 4 | 2
  readonly granularity: 'channel' | 'tensor' | 'block'
  readonly blockSize: number
  readonly symmetric: boolean
  readonly scale: 'float' | 'power-of-two'
  readonly method: 'rtn' | 'mse' | 'hqq' | 'k-quant' | 'gptq' | 'awq'
  readonly format: 'auto' | 'dequantize' | 'nbits'
  readonly keep: readonly string[]
  readonly operators: readonly string[]
  readonly minElements: number
  readonly spare: number
}
