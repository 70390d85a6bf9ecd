/** Weights in few bits, given back by DequantizeLinear, and what quantizes activations. */
import type { DataType } from '@unplugin-onnx/core'
import { feed, floats, int, type Probe, probe, random, randomInts, sizeOf, tensor } from './probe'

const ranges: Readonly<Record<string, readonly [low: number, high: number]>> = {
  int2: [-2, 1],
  uint2: [0, 3],
  int4: [-8, 7],
  uint4: [0, 15],
  int8: [-127, 127],
  uint8: [0, 255],
  int16: [-30000, 30000],
  uint16: [0, 60000],
  int32: [-100000, 100000],
}

const [rows, columns, block] = [8, 64, 16]

type Granularity = 'tensor' | 'axis' | 'block'

/** x + DequantizeLinear(weight), [8, 64]: with scales along the first axis, or for blocks of the second. */
function dequantizes(type: DataType, granularity: Granularity, zeroPoint: boolean, opset: number): Probe {
  const [low, high] = ranges[type] as readonly [number, number]
  const weight = randomInts(1, rows * columns, low, high)
  const groups = granularity === 'tensor' ? 1 : granularity === 'axis' ? rows : (rows * columns) / block
  const dims = granularity === 'tensor' ? [] : granularity === 'axis' ? [rows] : [rows, columns / block]
  const scales = random(2, groups, 0.5, 1).map((scale) => Math.fround(scale / high))
  const middle = Math.round((low + high) / 2)
  const zeroPoints = randomInts(3, groups, middle - (high > 3 ? 1 : 0), middle + 1)
  const x = floats([rows, columns], 4)
  const group = (index: number) =>
    granularity === 'tensor' ? 0 : Math.floor(index / (granularity === 'axis' ? columns : block))
  return probe(
    `DequantizeLinear ${type}, per ${granularity}${zeroPoint ? ', zero point' : ''}, opset ${opset}`,
    {
      opset,
      feeds: { x },
      wanted: weight.map(
        (q, index) =>
          (x.data[index] as number) +
          (q - (zeroPoint ? (zeroPoints[group(index)] as number) : 0)) * (scales[group(index)] as number),
      ),
      make: ({ input, constant, node }) => {
        const inputs = [
          constant(tensor(type, [rows, columns], weight)),
          constant(tensor('float32', dims, scales)),
          ...(zeroPoint ? [constant(tensor(type, dims, zeroPoints))] : []),
        ]
        const dequantized = node('DequantizeLinear', inputs, {
          ...(granularity === 'axis' && { axis: int(0) }),
          ...(granularity === 'block' && { axis: int(1), block_size: int(block) }),
        })
        return node('Add', [input('x'), dequantized])
      },
    },
  )
}

const codes = { int8: 3, uint8: 2, int16: 5, uint16: 4, int32: 6, float16: 10, float32: 1 } as const

/** Cast(QuantizeLinear(x)). Values lie away from where rounding could go either way. */
function quantizes(type: 'uint8' | 'int8' | 'uint16' | 'int16', opset: number): Probe {
  const [low, high] = ranges[type] as readonly [number, number]
  const zeroPoint = Math.round((low + high) / 2) + 3
  const scale = Math.fround(2 / (high - low))
  const x = feed(
    'float32',
    [4, 32],
    randomInts(5, 128, Math.floor(low / 2), Math.floor(high / 2)).map((q) => Math.fround((q + 0.2) * scale)),
  )
  return probe(`QuantizeLinear ${type}, opset ${opset}`, {
    opset,
    feeds: { x },
    wanted: x.data.map((value) => Math.round(value / scale) + zeroPoint),
    make: ({ input, constant, node }) => {
      const quantized = node('QuantizeLinear', [
        input('x'),
        constant(tensor('float32', [], [scale])),
        constant(tensor(type, [], [zeroPoint])),
      ])
      return node('Cast', [quantized], { to: int(codes.float32) })
    },
  })
}

const dynamic = (() => {
  const x = floats([4, 32], 6, -1, 2)
  const [low, high] = [Math.min(...x.data), Math.max(...x.data)]
  const scale = (high - low) / 255
  const zeroPoint = Math.round(-low / scale)
  return probe('DynamicQuantizeLinear', {
    opset: 13,
    feeds: { x },
    wanted: x.data.map((value) => Math.round(value / scale) + zeroPoint),
    make: ({ input, node, nodes }) => {
      const [quantized] = nodes('DynamicQuantizeLinear', [input('x')], 3)
      return node('Cast', [quantized], { to: int(codes.float32) })
    },
  })
})()

/** Weights in float16, or sparse. */
function stored(name: string, type: DataType, sparse: boolean): Probe {
  const dims = [16, 8]
  const weight = random(7, sizeOf(dims)).map((value, index) =>
    sparse && index % 5 !== 0 ? 0 : Math.round(value * 100),
  )
  const scale = 1 / 128
  const x = floats([3, 16], 8)
  return probe(name, {
    feeds: { x },
    wanted: Array.from({ length: 3 * 8 }, (_, index) => {
      const [row, column] = [Math.floor(index / 8), index % 8]
      let sum = 0
      for (let k = 0; k < 16; k++)
        sum += (x.data[row * 16 + k] as number) * (weight[k * 8 + column] as number)
      return type === 'int8' ? sum * scale : sum
    }),
    make: ({ model, input, constant, node }) => {
      const places = weight.flatMap((value, index) => (value === 0 ? [] : [index]))
      const values = places.map((place) => weight[place] as number)
      const value = sparse
        ? model.graph.addSparseInitializer('weight', {
            values: tensor(type, [values.length], values),
            indices: tensor('int64', [places.length], places),
            dims,
          })
        : constant(tensor(type, dims, weight))
      const given =
        type === 'float32'
          ? value
          : type === 'float16'
            ? node('Cast', [value], { to: int(codes.float32) })
            : node('DequantizeLinear', [value, constant(tensor('float32', [], [scale]))])
      return node('MatMul', [input('x'), given])
    },
  })
}

/** A layer between pairs of QuantizeLinear and DequantizeLinear, as quantize-static writes it. */
function pairs(type: 'uint8' | 'int8'): Probe {
  const x = feed(
    'float32',
    [4, 16],
    randomInts(9, 64, -8, 8).map((value) => value / 8),
  )
  const weight = randomInts(10, 16 * 8, -127, 127)
  const scales = random(11, 8, 0.5, 1).map((scale) => Math.fround(scale / 127))
  return probe(`MatMul between pairs of ${type}`, {
    feeds: { x },
    wanted: Array.from({ length: 32 }, (_, index) => {
      const [row, column] = [Math.floor(index / 8), index % 8]
      let sum = 0
      for (let k = 0; k < 16; k++)
        sum += (x.data[row * 16 + k] as number) * (weight[k * 8 + column] as number)
      return sum * (scales[column] as number)
    }),
    make: ({ input, constant, node }) => {
      const zeroPoint = type === 'uint8' ? 128 : 0
      const step = 1 / 64
      const parameters = [constant(tensor('float32', [], [step])), constant(tensor(type, [], [zeroPoint]))]
      const quantized = node('QuantizeLinear', [input('x'), ...parameters])
      const activation = node('DequantizeLinear', [quantized, ...parameters])
      const given = node(
        'DequantizeLinear',
        [
          constant(tensor('int8', [16, 8], weight)),
          constant(tensor('float32', [8], scales)),
          constant(tensor('int8', [8], new Array(8).fill(0))),
        ],
        { axis: int(1) },
      )
      return node('MatMul', [activation, given])
    },
  })
}

const half = probe('MatMul in float16', {
  feeds: { x: floats([4, 16], 12) },
  make: ({ input, constant, node }) => {
    const cast = node('Cast', [input('x')], { to: int(codes.float16) })
    const product = node('MatMul', [cast, constant(tensor('float16', [16, 8], random(13, 128)))])
    return node('Cast', [product], { to: int(codes.float32) })
  },
})

const halfScale = probe('DequantizeLinear int8 to float16', {
  feeds: { x: floats([8, 16], 14) },
  make: ({ input, constant, node }) => {
    const scale = constant(tensor('float16', [], [0.0078125]))
    const given = node('DequantizeLinear', [
      constant(tensor('int8', [8, 16], randomInts(15, 128, -127, 127))),
      scale,
    ])
    const cast = node('Cast', [input('x')], { to: int(codes.float16) })
    return node('Cast', [node('Add', [cast, given])], { to: int(codes.float32) })
  },
})

const withZeros = (type: DataType): readonly boolean[] => (type.startsWith('uint') ? [true] : [false, true])

export const dequantizeProbes: readonly Probe[] = [
  dequantizes('int8', 'tensor', false, 10),
  dequantizes('uint8', 'tensor', true, 10),
  dequantizes('int8', 'axis', false, 13),
  dequantizes('uint8', 'axis', true, 13),
  dequantizes('int32', 'tensor', false, 13),
  dequantizes('int32', 'axis', false, 13),
  ...(['int8', 'uint8', 'int4', 'uint4'] as const).flatMap((type) =>
    (['tensor', 'axis', 'block'] as const).flatMap((granularity) =>
      withZeros(type).map((zeros) => dequantizes(type, granularity, zeros, 21)),
    ),
  ),
  ...(['int16', 'uint16'] as const).map((type) => dequantizes(type, 'tensor', true, 21)),
  ...(['int2', 'uint2'] as const).flatMap((type) =>
    (['tensor', 'axis', 'block'] as const).map((granularity) => dequantizes(type, granularity, true, 25)),
  ),
  ...(['uint8', 'int8'] as const).flatMap((type) => [quantizes(type, 13), quantizes(type, 21)]),
  ...(['uint16', 'int16'] as const).map((type) => quantizes(type, 21)),
  dynamic,
  stored('Cast of a float16 constant', 'float16', false),
  stored('sparse float32', 'float32', true),
  stored('sparse float16 and Cast', 'float16', true),
  stored('sparse int8 and DequantizeLinear', 'int8', true),
  pairs('uint8'),
  pairs('int8'),
  ...[26, 27].map((opset) =>
    probe(`Add, opset ${opset}`, {
      opset,
      feeds: { x: floats([4], 16) },
      make: ({ input, node }) => node('Add', [input('x'), input('x')]),
    }),
  ),
  half,
  halfScale,
]
