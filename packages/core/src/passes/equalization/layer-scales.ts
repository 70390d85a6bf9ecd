import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { fromRows, type LinearLayer, weightRows } from '../linear-layers'
import { channelsOf } from './links'

/** Factors that a layer's weight is to be multiplied with: w'[output, input] = w * rows[output] * columns[input]. */
export interface LayerScales {
  readonly layer: LinearLayer
  /** One for each output channel. */
  readonly rows: Float64Array
  /** One for each feature of each group. */
  readonly columns: Float64Array
}

export const unscaled = (layer: LinearLayer): LayerScales => ({
  layer,
  rows: new Float64Array(channelsOf(layer)).fill(1),
  columns: new Float64Array(layer.groups * layer.features).fill(1),
})

/** The largest magnitude of each row and each column with the factors in. */
export function largest({ layer, rows, columns }: LayerScales): {
  rows: Float64Array
  columns: Float64Array
} {
  const weights = weightRows(layer)
  const { outputs, features } = layer
  const rowMaxima = new Float64Array(rows.length)
  const columnMaxima = new Float64Array(columns.length)
  for (let row = 0, index = 0; row < rows.length; row++) {
    const start = Math.floor(row / outputs) * features
    for (let column = start; column < start + features; column++, index++) {
      const magnitude = Math.abs(
        (weights[index] as number) * (rows[row] as number) * (columns[column] as number),
      )
      if (magnitude > (rowMaxima[row] as number)) rowMaxima[row] = magnitude
      if (magnitude > (columnMaxima[column] as number)) columnMaxima[column] = magnitude
    }
  }
  return { rows: rowMaxima, columns: columnMaxima }
}

/** Multiplies weight and bias; the weight's data is made when the writer comes to it. */
export function applyScales({ layer, rows, columns }: LayerScales): void {
  const { weight, bias, outputs, features } = layer
  const tensor = weight.initializer
  if (tensor === undefined) return
  if (rows.some((factor) => factor !== 1) || columns.some((factor) => factor !== 1)) {
    // The layer as it is now reads its weight through the value; the source is what the value held before.
    const source = { ...layer, weight: { initializer: tensor } as Value }
    weight.initializer = Tensor.lazy('float32', tensor.dims, () => {
      const scaled = weightRows(source)
      for (let row = 0, index = 0; row < rows.length; row++) {
        const start = Math.floor(row / outputs) * features
        for (let column = start; column < start + features; column++, index++)
          scaled[index] = (scaled[index] as number) * (rows[row] as number) * (columns[column] as number)
      }
      return new Uint8Array(fromRows(source, scaled).buffer)
    })
  }
  if (bias !== undefined) scaleChannels(bias, rows)
}

/** Multiplies a constant of one number a channel. */
export function scaleChannels(value: Value, factors: Float64Array): void {
  const tensor = value.initializer
  if (tensor === undefined || factors.every((factor) => factor === 1)) return
  const scaled = tensor.float32().map((each, channel) => each * (factors[channel] as number))
  value.initializer = Tensor.fromBytes('float32', tensor.dims, new Uint8Array(scaled.buffer))
}
