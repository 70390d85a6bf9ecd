import type { Tensor } from '../../graph/tensor'
import { absMaxPerChannel, channelLayout } from '../../kernels/int8'
import { Scratch } from '../low-bits/scratch'

/** Largest magnitudes in the channels of weights. Each weight is read once, however often it is asked for. */
export class Maxima {
  readonly scratch = new Scratch()
  readonly #found = new Map<Tensor, Map<number | undefined, Float32Array>>()

  /**
   * @param axis along which the channels lie; undefined for one channel that is the whole weight
   * @returns one a channel, NaN where the channel holds NaN or infinity
   */
  of(tensor: Tensor, axis: number | undefined): Float32Array {
    const byAxis = this.#found.get(tensor) ?? new Map<number | undefined, Float32Array>()
    this.#found.set(tensor, byAxis)
    let maxima = byAxis.get(axis)
    if (maxima === undefined) {
      maxima = absMaxPerChannel(this.scratch.float32(tensor), channelLayout(tensor.dims, axis))
      byAxis.set(axis, maxima)
    }
    return maxima
  }
}
