/** Convolutions in float32, which WebGPU gets wrong for some numbers of channels. */
import { convolve } from './integers'
import { floats, int, ints, type Probe, probe, random, tensor } from './probe'

interface Conv {
  readonly inputs: number
  readonly outputs: number
  readonly kernel: number
  readonly group?: number
  readonly size?: number
}

/** A convolution of a square picture that keeps its size. */
export function conv({ inputs, outputs, kernel, group = 1, size = 7 }: Conv): Probe {
  const inside = inputs / group
  const pad = (kernel - 1) / 2
  const x = floats([1, inputs, size, size], 40)
  const weight = random(41, outputs * inside * kernel ** 2)
  return probe(
    `Conv ${kernel} x ${kernel}, ${inputs} to ${outputs} channels${group > 1 ? `, ${group} groups` : ''}, ${size} x ${size}`,
    {
      opset: 13,
      feeds: { x },
      wanted: convolve(x.data, weight, { channels: outputs, inputs, inside, size, kernel, pad, group }),
      make: ({ input, constant, node }) =>
        node('Conv', [input('x'), constant(tensor('float32', [outputs, inside, kernel, kernel], weight))], {
          pads: ints(pad, pad, pad, pad),
          kernel_shape: ints(kernel, kernel),
          group: int(group),
        }),
    },
  )
}

/** Other than square kernels with a step of 1: no reference of our own. */
function other(
  name: string,
  channels: readonly [inputs: number, outputs: number],
  kernel: readonly number[],
  attributes = {},
) {
  const [inputs, outputs] = channels
  return probe(`Conv ${name}, ${inputs} to ${outputs} channels`, {
    opset: 13,
    feeds: { x: floats([1, inputs, ...kernel.map(() => 9)], 42) },
    make: ({ input, constant, node }) => {
      const dims = [outputs, inputs, ...kernel]
      const size = dims.reduce((product, dim) => product * dim, 1)
      return node('Conv', [input('x'), constant(tensor('float32', dims, random(43, size)))], attributes)
    },
  })
}

const plain = (kernel: number, inputs: number, outputs: number) => conv({ kernel, inputs, outputs })
const grouped = (inputs: number, outputs: number, group: number, kernel = 3) =>
  conv({ inputs, outputs, group, kernel })

export const convProbes: readonly Probe[] = [
  plain(3, 6, 4),
  plain(3, 9, 8),
  plain(5, 18, 12),
  other('1 x 3', [9, 8], [1, 3]),
  other('3 x 3 by 2 steps', [9, 8], [3, 3], { strides: ints(2, 2) }),
  other('3 x 3, spread by 2', [9, 8], [3, 3], { dilations: ints(2, 2) }),
  other('of a sequence', [9, 8], [3]),
  // Not wrong: kernels of 1, the colours of a picture, multiples of 4 or none of 3, other numbers of outputs.
  plain(1, 9, 8),
  plain(3, 3, 8),
  plain(3, 12, 8),
  plain(3, 10, 8),
  plain(3, 7, 8),
  plain(3, 9, 6),
  plain(3, 9, 9),
  grouped(36, 36, 4),
  grouped(8, 12, 2),
  grouped(16, 20, 4),
  grouped(8, 12, 2, 1),
  grouped(18, 16, 2),
  grouped(27, 27, 3),
  grouped(16, 12, 4),
  grouped(10, 10, 2),
  grouped(18, 14, 2),
  grouped(12, 18, 3),
  grouped(36, 24, 6),
  grouped(8, 8, 8),
  grouped(12, 24, 12),
]
