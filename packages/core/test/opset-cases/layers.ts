import { Tensor } from '../../src/index'
import { add, floats, int, intList, ints } from '../build-model'
import { float } from '../engine'
import { weights } from '../random'
import { type Cases, cube, image, number, numbers, outputs, rankless } from './case'

/** Layers, and operators that changed or dropped out. */
export const layers: Cases = {
  'Softmax, last axis': {
    opset: 9,
    shape: cube,
    make: (g, x) => add(g, 'Softmax', [x], 'y', { axis: int(2) }),
  },
  'Softmax, axis 1 of 3': { opset: 9, shape: cube, make: (g, x) => add(g, 'Softmax', [x], 'y') },
  'Softmax, axis 0, rank unknown': {
    opset: 11,
    shape: cube,
    make: (g, x) => add(g, 'Softmax', [rankless(g, x)], 'y', { axis: int(0) }),
  },
  'Softmax, axis -2': {
    opset: 11,
    shape: image,
    make: (g, x) => add(g, 'Softmax', [x], 'y', { axis: int(-2) }),
  },
  LogSoftmax: { opset: 11, shape: image, make: (g, x) => add(g, 'LogSoftmax', [x], 'y', { axis: int(2) }) },
  Hardmax: { opset: 9, shape: cube, make: (g, x) => add(g, 'Hardmax', [x], 'y') },
  Dropout: { opset: 7, shape: cube, make: (g, x) => add(g, 'Dropout', [x], 'y', { ratio: number(0.3) }) },
  BatchNormalization: {
    opset: 7,
    shape: image,
    make: (g, x) =>
      add(
        g,
        'BatchNormalization',
        [
          x,
          ...[
            [1, 2],
            [0.5, -1],
            [0.1, 0.2],
            [1.5, 0.7],
          ].map((each, i) => g.addInitializer(`p${i}`, floats([2], each))),
        ],
        'y',
        { spatial: int(1) },
      ),
  },
  GRU: {
    opset: 7,
    shape: [3, 1, 4],
    make: (g, x) =>
      add(
        g,
        'GRU',
        [
          x,
          g.addInitializer('w', floats([1, 15, 4], weights(60, 1, 1))),
          g.addInitializer('r', floats([1, 15, 5], weights(75, 2, 1))),
        ],
        'y',
        { hidden_size: int(5) },
      ),
  },
  Scatter: {
    opset: 10,
    shape: [2, 4],
    make: (g, x) =>
      add(
        g,
        'Scatter',
        [
          x,
          add(g, 'Reshape', [g.addInitializer('i', ints(3, 0)), g.addInitializer('s', ints(2, 1))], 'at'),
          g.addInitializer('u', floats([2, 1], [7, 8])),
        ],
        'y',
        { axis: int(1) },
      ),
  },
  'OneHot, Pow, PRelu, Mod and the like as they are': {
    opset: 10,
    shape: [2, 4],
    make: (g, x) => {
      const slope = g.addInitializer('slope', floats([4], [0.1, 0.2, 0.3, 0.4]))
      const pow = add(g, 'Pow', [add(g, 'Abs', [add(g, 'PRelu', [x, slope], 'p')], 'a'), slope], 'pow')
      const flat = add(g, 'Flatten', [add(g, 'Tile', [pow, g.addInitializer('t', ints(1, 2))], 'tile')], 'f')
      return add(
        g,
        'Sum',
        [flat, add(g, 'Max', [flat, g.addInitializer('one', floats([1], [0.5]))], 'max')],
        'y',
      )
    },
  },
  'BatchNormalization, each element by its own statistics': {
    opset: 7,
    shape: [2, 2, 3],
    make: (g, x) =>
      add(
        g,
        'BatchNormalization',
        [
          x,
          ...['scale', 'bias', 'mean', 'variance'].map((name, i) =>
            g.addInitializer(name, floats([2, 3], weights(6, i + 1, 1).map(Math.abs))),
          ),
        ],
        'y',
        { spatial: int(0), epsilon: number(0.01) },
      ),
  },
  'BatchNormalization, in training': {
    opset: 9,
    shape: [3, 2, 2, 2],
    make: (g, x) =>
      outputs(
        g,
        'BatchNormalization',
        [
          x,
          ...['scale', 'bias', 'mean', 'variance'].map((name, i) =>
            g.addInitializer(name, floats([2], weights(2, i + 1, 1).map(Math.abs))),
          ),
        ],
        ['y', 'running_mean', 'running_variance', 'saved_mean', 'saved_variance'],
        { momentum: number(0.8) },
      ).slice(0, 3),
  },
  'GroupNormalization, channels known': {
    opset: 18,
    shape: [2, 6, 3],
    make: (g, x) =>
      add(
        g,
        'GroupNormalization',
        [x, g.addInitializer('scale', floats([2], [0.5, 2])), g.addInitializer('bias', floats([2], [-1, 1]))],
        'y',
        { num_groups: int(2) },
      ),
  },
  'GroupNormalization, channels and scale not known': {
    opset: 18,
    shape: [2, 6, 3],
    declared: ['n', 'c', 'l'],
    feeds: { scale: float([3], [0.5, 2, 1]) },
    make: (g, x, input) =>
      add(
        g,
        'GroupNormalization',
        [x, input('scale'), g.addInitializer('bias', floats([3], [-1, 1, 0]))],
        'y',
        { num_groups: int(3) },
      ),
  },
  'LSTM and RNN': {
    opset: 7,
    shape: [3, 1, 4],
    make: (g, x) => [
      ...outputs(
        g,
        'LSTM',
        [
          x,
          g.addInitializer('w', floats([1, 12, 4], weights(48, 1, 1))),
          g.addInitializer('r', floats([1, 12, 3], weights(36, 2, 1))),
        ],
        ['lstm', 'hidden', 'cell'],
        { hidden_size: int(3) },
      ),
      add(
        g,
        'RNN',
        [
          x,
          g.addInitializer('w2', floats([1, 3, 4], weights(12, 3, 1))),
          g.addInitializer('r2', floats([1, 3, 3], weights(9, 4, 1))),
        ],
        'rnn',
        { hidden_size: int(3) },
      ),
    ],
  },
  'OneHot of places before the first': {
    opset: 9,
    shape: [2],
    make: (g, x) => {
      const hot = add(
        g,
        'OneHot',
        [
          g.addInitializer('places', ints(-1, 0, 5)),
          g.addInitializer('depth', ints(3)),
          g.addInitializer('values', floats([2], [0, 1])),
        ],
        'hot',
      )
      return [hot, add(g, 'Identity', [x], 'y')]
    },
  },
  'QuantizeLinear and DequantizeLinear': {
    opset: 10,
    shape: cube,
    make: (g, x) => {
      const scale = g.addInitializer('scale', floats([1], [0.01]))
      const zero = g.addInitializer('zero', Tensor.of('uint8', [1], [128]))
      const quantized = add(g, 'QuantizeLinear', [x, scale, zero], 'quantized')
      return add(g, 'DequantizeLinear', [quantized, scale, zero], 'y')
    },
  },
  Affine: {
    opset: 8,
    shape: cube,
    make: (g, x) => add(g, 'Affine', [x], 'y', { alpha: number(2), beta: number(-0.5) }),
  },
  ImageScaler: {
    opset: 8,
    shape: [1, 3, 2, 2],
    make: (g, x) => add(g, 'ImageScaler', [x], 'y', { scale: number(0.5), bias: numbers(1, 2, 3) }),
  },
  'Scale, ScaledTanh and ParametricSoftplus': {
    opset: 9,
    shape: cube,
    make: (g, x) => {
      const both = { alpha: number(1.5), beta: number(0.5) }
      return [
        add(g, 'Scale', [x], 'scaled', { scale: number(3) }),
        add(g, 'ScaledTanh', [x], 'tanh', both),
        add(g, 'ParametricSoftplus', [x], 'softplus', both),
      ]
    },
  },
  Crop: {
    opset: 7,
    shape: [1, 2, 5, 6],
    make: (g, x) => [
      add(g, 'Crop', [x], 'y', { border: intList(1, 0, 2, 0) }),
      add(g, 'Crop', [x], 'z', { border: intList(1, 2, 1, 1), scale: intList(2, 3) }),
    ],
  },
}
