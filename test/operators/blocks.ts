/** Weights in blocks of few bits: MatMulNBits and GatherBlockQuantized. */
import {
  type BlockLayout,
  blocksPerRow,
  dequantizeBlocks,
  quantizeBlocks,
  Tensor,
  zeroPointBytes,
} from '@unplugin-onnx/core'
import { feed, floats, int, type Probe, probe, random, tensor } from './probe'

type Bits = 2 | 4 | 8

interface Blocks {
  readonly bits: Bits
  readonly blockSize: number
  readonly zeroPoint: boolean
  readonly half?: boolean
}

function quantized(layout: BlockLayout, symmetric: boolean) {
  const weight = Float32Array.from(random(30, layout.rows * layout.columns, symmetric ? -1 : -0.7, 1))
  const blocks = quantizeBlocks(weight, { ...layout, symmetric })
  return { ...blocks, given: dequantizeBlocks(blocks, layout) }
}

const called = ({ bits, blockSize, zeroPoint, half }: Blocks) =>
  `${bits} bits, blocks of ${blockSize}${zeroPoint ? ', zero points' : ''}${half ? ', float16' : ''}`

/** [rows, columns] by 16 channels. */
function matMulNBits(blocks: Blocks, rows = 2, columns = 256): Probe {
  const { bits, blockSize, zeroPoint, half = false } = blocks
  const layout = { rows: 16, columns, blockSize, bits }
  const { packed, scales, zeroPoints, given } = quantized(layout, !zeroPoint)
  const x = floats([rows, columns], 31)
  return probe(`MatMulNBits ${called(blocks)}, ${rows} x ${columns}`, {
    feeds: { x },
    wanted: Array.from({ length: rows * 16 }, (_, index) => {
      const [row, channel] = [Math.floor(index / 16), index % 16]
      let sum = 0
      for (let k = 0; k < columns; k++)
        sum += (x.data[row * columns + k] as number) * (given[channel * columns + k] as number)
      return sum
    }),
    make: ({ input, constant, node }) => {
      const count = blocksPerRow(layout)
      const weight = constant(Tensor.fromBytes('uint8', [16, count, (blockSize * bits) / 8], packed))
      const inputs = [
        weight,
        constant(tensor(half ? 'float16' : 'float32', [16, count], [...scales])),
        ...(zeroPoints
          ? [constant(Tensor.fromBytes('uint8', [16, zeroPointBytes(layout)], zeroPoints))]
          : []),
      ]
      const attributes = { K: int(columns), N: int(16), bits: int(bits), block_size: int(blockSize) }
      const activation = half ? node('Cast', [input('x')], { to: int(10) }) : input('x')
      const product = node('com.microsoft.MatMulNBits', [activation, ...inputs], attributes)
      return half ? node('Cast', [product], { to: int(1) }) : product
    },
  })
}

const ids = [0, 7, 39, 12, 3, 3]

/** Rows of a table of 40. */
function gatherBlockQuantized(blocks: Blocks): Probe {
  const { bits, blockSize, zeroPoint } = blocks
  const columns = 256
  const layout = { rows: 40, columns, blockSize, bits }
  const { packed, scales, zeroPoints, given } = quantized(layout, !zeroPoint)
  return probe(`GatherBlockQuantized ${called(blocks)}`, {
    feeds: { ids: feed('int64', [2, 3], ids) },
    wanted: ids.flatMap((id) => [...given.subarray(id * columns, (id + 1) * columns)]),
    make: ({ input, constant, node }) => {
      const rowBytes = (columns * bits) / 8
      const inputs = [
        constant(Tensor.fromBytes('uint8', [40, rowBytes], packed)),
        input('ids'),
        constant(tensor('float32', [40, blocksPerRow(layout)], [...scales])),
        ...(zeroPoints
          ? [constant(Tensor.fromBytes('uint8', [40, zeroPointBytes(layout)], zeroPoints))]
          : []),
      ]
      const attributes = {
        gather_axis: int(0),
        quantize_axis: int(1),
        bits: int(bits),
        block_size: int(blockSize),
      }
      return node('com.microsoft.GatherBlockQuantized', inputs, attributes)
    },
  })
}

const all = [2, 4, 8] as const

export const blockProbes: readonly Probe[] = [
  ...all.flatMap((bits) =>
    [16, 32, 64, 128, 256].flatMap((blockSize) =>
      [true, false].map((zeroPoint) => matMulNBits({ bits, blockSize, zeroPoint })),
    ),
  ),
  // One row is a kernel of its own, and so are many; a row that is no whole number of blocks is filled up.
  ...all.flatMap((bits) => [
    matMulNBits({ bits, blockSize: 32, zeroPoint: true }, 1),
    matMulNBits({ bits, blockSize: 32, zeroPoint: true }, 70),
    matMulNBits({ bits, blockSize: 32, zeroPoint: true }, 3, 50),
    matMulNBits({ bits, blockSize: 32, zeroPoint: false, half: true }),
  ]),
  ...all.flatMap((bits) =>
    [16, 32, 128].flatMap((blockSize) =>
      [true, false].map((zeroPoint) => gatherBlockQuantized({ bits, blockSize, zeroPoint })),
    ),
  ),
]
