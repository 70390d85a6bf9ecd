/** Operators that multiply in integers. */
import { feed, int, type Probe, probe, randomInts, tensor } from './probe'

type Byte = 'int8' | 'uint8'

/** Numbers of the whole range; int8 without its one lonely end. */
const whole = (seed: number, size: number, type: Byte): number[] =>
  randomInts(seed, size, type === 'int8' ? -127 : 0, type === 'int8' ? 127 : 255)

type ZeroPoint = 'none' | 'scalar' | 'axis'

const zeroPoints = (kind: ZeroPoint, channels: number, type: Byte): number[] =>
  kind === 'none' ? [0] : kind === 'scalar' ? [type === 'int8' ? 2 : 128] : randomInts(20, channels, 0, 3)

const toFloat = { to: int(1) }

/** [4, 16] times a constant [16, 8]. */
function matMulInteger(a: Byte, b: Byte, kind: ZeroPoint): Probe {
  const x = feed(a, [4, 16], whole(21, 64, a))
  const weight = whole(22, 128, b)
  const zeros = zeroPoints(kind, 8, b)
  const offset = a === 'uint8' ? 128 : 1
  return probe(`MatMulInteger ${a} by ${b}, weight zero point ${kind}`, {
    opset: 13,
    feeds: { x },
    wanted: Array.from({ length: 32 }, (_, index) => {
      const [row, column] = [Math.floor(index / 8), index % 8]
      let sum = 0
      for (let k = 0; k < 16; k++)
        sum +=
          ((x.data[row * 16 + k] as number) - offset) *
          ((weight[k * 8 + column] as number) - (zeros[column % zeros.length] as number))
      return sum
    }),
    make: ({ input, constant, node }) => {
      const inputs = [
        input('x'),
        constant(tensor(b, [16, 8], weight)),
        constant(tensor(a, [], [offset])),
        ...(kind === 'none' ? [] : [constant(tensor(b, kind === 'scalar' ? [] : [8], zeros))]),
      ]
      return node('Cast', [node('MatMulInteger', inputs)], toFloat)
    },
  })
}

/** A convolution of [1, 4, 6, 6], 3 by 3, to 8 channels (4 depthwise). */
function convInteger(a: Byte, b: Byte, kind: ZeroPoint, depthwise = false): Probe {
  const [channels, inside] = depthwise ? [4, 1] : [8, 4]
  const x = feed(a, [1, 4, 6, 6], whole(23, 144, a))
  const weight = whole(24, channels * inside * 9, b)
  const zeros = zeroPoints(kind, channels, b)
  const offset = a === 'uint8' ? 128 : 1
  return probe(`ConvInteger ${a} by ${b}${depthwise ? ', depthwise' : ''}, weight zero point ${kind}`, {
    opset: 13,
    feeds: { x },
    wanted: convolve(
      x.data.map((value) => value - offset),
      weight.map(
        (value, index) => value - (zeros[Math.floor(index / (inside * 9)) % zeros.length] as number),
      ),
      { channels, inputs: 4, inside, size: 6, kernel: 3, pad: 0, group: depthwise ? 4 : 1 },
    ),
    make: ({ input, constant, node }) => {
      const inputs = [
        input('x'),
        constant(tensor(b, [channels, inside, 3, 3], weight)),
        constant(tensor(a, [], [offset])),
        ...(kind === 'none' ? [] : [constant(tensor(b, kind === 'scalar' ? [] : [channels], zeros))]),
      ]
      return node('Cast', [node('ConvInteger', inputs, depthwise ? { group: int(4) } : {})], toFloat)
    },
  })
}

export interface Convolution {
  /** Output channels, input channels, and those of one group. */
  readonly channels: number
  readonly inputs: number
  readonly inside: number
  /** Side of the square picture and of the square kernel. */
  readonly size: number
  readonly kernel: number
  readonly pad: number
  readonly group: number
}

/** Conv of one picture, NCHW, stride 1. */
export function convolve(
  x: readonly number[],
  weight: readonly number[],
  { channels, inputs, inside, size, kernel, pad, group }: Convolution,
): number[] {
  const side = size + 2 * pad - kernel + 1
  const result: number[] = []
  for (let channel = 0; channel < channels; channel++) {
    const first = Math.floor(channel / (channels / group)) * inside
    for (let row = 0; row < side; row++)
      for (let column = 0; column < side; column++) {
        let sum = 0
        for (let c = 0; c < inside; c++)
          for (let i = 0; i < kernel; i++)
            for (let j = 0; j < kernel; j++) {
              const [y, z] = [row + i - pad, column + j - pad]
              if (y < 0 || z < 0 || y >= size || z >= size || first + c >= inputs) continue
              sum +=
                (x[((first + c) * size + y) * size + z] as number) *
                (weight[((channel * inside + c) * kernel + i) * kernel + j] as number)
            }
        result.push(sum)
      }
  }
  return result
}

/** QLinearMatMul or QLinearConv: what onnxruntime makes of layers between pairs. */
function qlinear(operator: 'QLinearMatMul' | 'QLinearConv', a: Byte, b: Byte): Probe {
  const conv = operator === 'QLinearConv'
  const x = feed(a, conv ? [1, 4, 6, 6] : [4, 16], whole(25, conv ? 144 : 64, a))
  return probe(`${operator} ${a} by ${b}`, {
    opset: 13,
    feeds: { x },
    make: ({ input, constant, node }) => {
      const dims = conv ? [8, 4, 3, 3] : [16, 8]
      const size = dims.reduce((product, dim) => product * dim, 1)
      const scale = (value: number) => constant(tensor('float32', [], [value]))
      const zero = (type: Byte) => constant(tensor(type, [], [type === 'uint8' ? 128 : 0]))
      const weight = constant(tensor(b, dims, whole(26, size, b)))
      const inputs = [
        input('x'),
        scale(1 / 128),
        zero(a),
        weight,
        scale(1 / 64),
        zero(b),
        scale(1 / 8),
        zero(a),
      ]
      return node('Cast', [node(operator, inputs)], toFloat)
    },
  })
}

const bytes = ['int8', 'uint8'] as const
const kinds = ['none', 'scalar', 'axis'] as const

export const integerProbes: readonly Probe[] = [
  ...bytes.flatMap((b) => kinds.map((kind) => matMulInteger('uint8', b, kind))),
  matMulInteger('int8', 'int8', 'none'),
  ...bytes.flatMap((b) => kinds.map((kind) => convInteger('uint8', b, kind))),
  convInteger('uint8', 'uint8', 'scalar', true),
  convInteger('int8', 'int8', 'none'),
  ...bytes.flatMap((a) =>
    bytes.flatMap((b) => [qlinear('QLinearMatMul', a, b), qlinear('QLinearConv', a, b)]),
  ),
]
