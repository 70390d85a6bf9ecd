import type { QuantizedBlocks } from '../../kernels/blocks'

/** What a weight was quantized to: made once, its parts handed out and then let go. */
export class Parts {
  readonly #make: () => QuantizedBlocks
  readonly #left: { scales?: Float32Array; zeroPoints?: Uint8Array } = {}

  constructor(make: () => QuantizedBlocks) {
    this.#make = make
  }

  packed(): Uint8Array {
    const { packed, scales, zeroPoints } = this.#make()
    this.#left.scales = scales
    if (zeroPoints !== undefined) this.#left.zeroPoints = zeroPoints
    return packed
  }

  scales(): Float32Array {
    const { scales = this.#make().scales } = this.#left
    delete this.#left.scales
    return scales
  }

  scaleBytes(): Uint8Array {
    const { buffer, byteOffset, byteLength } = this.scales()
    return new Uint8Array(buffer, byteOffset, byteLength)
  }

  zeroPoints(): Uint8Array {
    const { zeroPoints = this.#make().zeroPoints ?? new Uint8Array() } = this.#left
    delete this.#left.zeroPoints
    return zeroPoints
  }
}
