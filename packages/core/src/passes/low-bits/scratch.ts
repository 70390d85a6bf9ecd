import type { Tensor } from '../../graph/tensor'
import { roomFor } from '../../kernels/simd'

/** What is larger gets memory of its own, lest it stays for as long as the model does. */
const LARGEST = 1 << 26

/** Memory that weights are read into one after the other: to get it anew for each takes longer than to read them. */
export class Scratch {
  #memory = new Uint8Array()

  /** A tensor's elements, good until the next call. */
  float32(tensor: Tensor): Float32Array {
    const { byteLength } = tensor
    const room = roomFor(byteLength)
    if (room !== undefined) return tensor.float32(room)
    if (byteLength > LARGEST) return tensor.float32()
    if (this.#memory.length < byteLength) this.#memory = new Uint8Array(byteLength)
    return tensor.float32(this.#memory)
  }
}
