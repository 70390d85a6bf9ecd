import { logSumExp, Moments } from '../../kernels/softmax-importance'
import { linearLayer } from '../linear-layers'
import { eachWeight } from './channel-cut'
import type { Reader } from './channel-refit'
import type { Space } from './channel-spaces'

/**
 * The share of each channel in the norms of the tensors that make and read it, in sum: tensors of different scale count
 * alike.
 */
export function normScores(space: Space): Float32Array {
  const scores = new Float32Array(space.size)
  for (const slice of space.slices) {
    if (slice.role === 'follows') continue
    const squares = new Float64Array(space.size)
    eachWeight(slice, space.size, (weight, channel) => {
      squares[channel] = (squares[channel] ?? 0) + weight * weight
    })
    const norms = squares.map(Math.sqrt)
    const total = norms.reduce((sum, norm) => sum + norm, 0) || 1
    for (const [channel, norm] of norms.entries()) scores[channel] = (scores[channel] ?? 0) + norm / total
  }
  return scores
}

/** The share of each channel in the power of what its readers compute from single features. */
export function powerScores(space: Space, readers: readonly Reader[]): Float32Array {
  const scores = new Float32Array(space.size)
  for (const { node, gram } of readers) {
    const layer = linearLayer(node)
    if (layer === undefined || layer.features !== gram.features) continue
    const squares = gram.meanSquares()
    const run = layer.features / space.size
    const powers = new Float64Array(space.size)
    const norms = new Float64Array(layer.features)
    const tensor = layer.weight.initializer
    if (tensor === undefined) continue
    const [, outputStride, channelStride, kernelStride] = layer.strides
    const data = tensor.float32()
    for (let output = 0; output < layer.outputs; output++) {
      for (let feature = 0; feature < layer.features; feature++) {
        const channel = Math.floor(feature / layer.kernelSize)
        const at =
          output * outputStride + channel * channelStride + (feature % layer.kernelSize) * kernelStride
        norms[feature] = (norms[feature] ?? 0) + (data[at] ?? 0) ** 2
      }
    }
    for (const [feature, norm] of norms.entries()) {
      const channel = Math.floor(feature / run)
      powers[channel] = (powers[channel] ?? 0) + norm * (squares[feature] ?? 0)
    }
    const total = powers.reduce((sum, power) => sum + power, 0) || 1
    for (const [channel, power] of powers.entries()) scores[channel] = (scores[channel] ?? 0) + power / total
  }
  return scores
}

/** log of the sum of exp(|w| / tau) over the weights that make or read a channel. */
export function softmaxScores(space: Space, tau: number, signed: boolean): Float32Array {
  const terms: number[][] = Array.from({ length: space.size }, () => [])
  for (const slice of space.slices) {
    if (slice.role === 'follows') continue
    eachWeight(slice, space.size, (weight, channel) => {
      terms[channel]?.push((signed ? weight : Math.abs(weight)) / tau)
    })
  }
  return Float32Array.from(terms, (each) => logSumExp(each))
}

/** Standard deviation of the weights that make and read channels. */
export function spreadOf(spaces: readonly Space[]): number {
  const moments = new Moments()
  for (const space of spaces) {
    for (const { role, value } of space.slices)
      if (role !== 'follows' && value.initializer !== undefined) moments.add(value.initializer.float32())
  }
  return moments.deviation
}
