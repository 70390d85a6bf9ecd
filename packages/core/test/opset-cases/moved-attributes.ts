import { add, int, intList } from '../build-model'
import { type Case, type Cases, cube, image, number, outputs, text } from './case'

/** Attributes that became inputs. */
export const movedAttributes: Cases = {
  'Clip, attributes': {
    opset: 7,
    shape: cube,
    make: (g, x) => add(g, 'Clip', [x], 'y', { min: number(-0.5), max: number(0.75) }),
  },
  'Clip, maximum only': {
    opset: 10,
    shape: cube,
    make: (g, x) => add(g, 'Clip', [x], 'y', { max: number(0.1) }),
  },
  Slice: {
    opset: 9,
    shape: cube,
    make: (g, x) =>
      add(g, 'Slice', [x], 'y', { starts: intList(1, -2), ends: intList(3, 1000), axes: intList(1, 2) }),
  },
  'Slice, all axes': {
    opset: 9,
    shape: cube,
    make: (g, x) => add(g, 'Slice', [x], 'y', { starts: intList(0, 1), ends: intList(1, 3) }),
  },
  'Pad, zeros': {
    opset: 9,
    shape: [2, 3],
    make: (g, x) => add(g, 'Pad', [x], 'y', { pads: intList(0, 1, 2, 3) }),
  },
  'Pad, value': {
    opset: 10,
    shape: [2, 3],
    make: (g, x) => add(g, 'Pad', [x], 'y', { pads: intList(0, 1, 2, 3), value: number(1.5) }),
  },
  'Pad, reflect': {
    opset: 9,
    shape: image,
    make: (g, x) => add(g, 'Pad', [x], 'y', { pads: intList(0, 0, 1, 2, 0, 0, 2, 1), mode: text('reflect') }),
  },
  TopK: { opset: 9, shape: [2, 8], make: (g, x) => outputs(g, 'TopK', [x], ['y', 'places'], { k: int(3) }) },
  'Squeeze and Unsqueeze': {
    opset: 9,
    shape: [2, 1, 4],
    make: (g, x) =>
      add(g, 'Unsqueeze', [add(g, 'Squeeze', [x], 's', { axes: intList(1) })], 'y', { axes: intList(0, 3) }),
  },
  'Squeeze, any axis': { opset: 9, shape: [2, 1, 4], make: (g, x) => add(g, 'Squeeze', [x], 'y') },
  ReduceSum: {
    opset: 11,
    shape: cube,
    make: (g, x) => add(g, 'ReduceSum', [x], 'y', { axes: intList(-1), keepdims: int(0) }),
  },
  'ReduceMean, all axes': { opset: 11, shape: cube, make: (g, x) => add(g, 'ReduceMean', [x], 'y') },
  'ReduceMean and ReduceMax': {
    opset: 9,
    shape: cube,
    make: (g, x) =>
      add(g, 'ReduceMax', [add(g, 'ReduceMean', [x], 'm', { axes: intList(1) })], 'y', { axes: intList(2) }),
  },
  'Split, sizes': {
    opset: 9,
    shape: [2, 6],
    make: (g, x) => outputs(g, 'Split', [x], ['y', 'z'], { axis: int(1), split: intList(2, 4) }),
  },
  'Split, equal parts': {
    opset: 11,
    shape: [2, 6],
    make: (g, x) => outputs(g, 'Split', [x], ['y', 'z', 'u'], { axis: int(1) }),
  },
  'Slice, up to the end as 2^63 - 1': {
    opset: 9,
    shape: cube,
    make: (g, x) =>
      add(g, 'Slice', [x], 'y', {
        starts: intList(1),
        ends: { type: 'ints', value: [2n ** 63n - 1n] },
        axes: intList(1),
      }),
  },
  ...Object.fromEntries(
    'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare'
      .split(' ')
      .map((operator): [string, Case] => [
        `${operator}, two axes`,
        {
          opset: 7,
          shape: cube,
          make: (g, x) =>
            add(g, operator, [add(g, 'Exp', [x], 'positive')], 'y', {
              axes: intList(0, 2),
              keepdims: int(0),
            }),
        },
      ]),
  ),
  'DFT, along the axis by default': {
    opset: 17,
    shape: [1, 8, 3, 1],
    make: (g, x) => add(g, 'DFT', [x], 'y'),
  },
}
