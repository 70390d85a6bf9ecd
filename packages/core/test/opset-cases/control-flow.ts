import { Tensor } from '../../src/index'
import { add, body, floats, int, intList, tensorType } from '../build-model'
import { float, int64 } from '../engine'
import { weights } from '../random'
import { type Cases, cube, number, outputs } from './case'

/** If, Loop, Scan and sequences, with nodes inside that change themselves. */
export const controlFlow: Cases = {
  'Scan, states and a batch': {
    opset: 8,
    shape: [2, 5, 3],
    feeds: { start: float([2, 3], weights(6, 8, 1)) },
    make: (g, x, input) => {
      const nothing = undefined
      const [last, all] = [0, 1].map((i) => `scan_${i}`)
      const scan = g.addNode({
        opType: 'Scan',
        inputs: [nothing, input('start'), x],
        outputs: [last!, all!],
        attributes: { num_scan_inputs: int(1) },
      })
      body(scan, 'body', (inside) => {
        const state = inside.addInput('state', tensorType('float32', 3))
        const item = inside.addInput('item', tensorType('float32', 3))
        const clipped = add(inside, 'Clip', [item], 'clipped', { min: number(-0.5) })
        return [add(inside, 'Add', [state, clipped], 'sum'), add(inside, 'Mul', [state, item], 'product')]
      })
      return scan.outputs.map((value) => value!)
    },
  },
  'Scan, backwards, with a value from around it': {
    opset: 8,
    shape: [3, 4, 2],
    feeds: { start: float([3, 2], weights(6, 9, 1)) },
    make: (g, x, input) => {
      const factor = g.addInitializer('factor', floats([2], [0.5, 2]))
      const scan = g.addNode({
        opType: 'Scan',
        inputs: [undefined, input('start'), x],
        outputs: ['last', 'all'],
        attributes: { num_scan_inputs: int(1), directions: intList(1) },
      })
      body(scan, 'body', (inside) => {
        const state = inside.addInput('state', tensorType('float32', 2))
        const item = inside.addInput('item', tensorType('float32', 2))
        const sum = add(inside, 'Add', [add(inside, 'Mul', [state, factor], 'scaled'), item], 'sum')
        return [sum, add(inside, 'Identity', [sum], 'copy')]
      })
      return scan.outputs.map((value) => value!)
    },
  },
  'Scan, without a batch': {
    opset: 9,
    shape: [4, 2],
    make: (g, x) => {
      const scan = g.addNode({
        opType: 'Scan',
        inputs: [g.addInitializer('start', floats([2], [0, 1])), x],
        outputs: ['last', 'all'],
        attributes: { num_scan_inputs: int(1) },
      })
      body(scan, 'body', (inside) => {
        const state = inside.addInput('state', tensorType('float32', 2))
        const item = inside.addInput('item', tensorType('float32', 2))
        const wide = add(inside, 'Unsqueeze', [item], 'wide', { axes: intList(0) })
        const sum = add(inside, 'ReduceSum', [wide], 'total', { axes: intList(0), keepdims: int(0) })
        return [add(inside, 'Add', [state, sum], 'sum'), add(inside, 'Identity', [sum], 'copy')]
      })
      return scan.outputs.map((value) => value!)
    },
  },
  'Loop, with bounds that move inside': {
    opset: 9,
    shape: [3],
    feeds: { rounds: int64([], [4]) },
    make: (g, x, input) => {
      const go = g.addInitializer('go', Tensor.of('bool', [], [1]))
      const loop = g.addNode({ opType: 'Loop', inputs: [input('rounds'), go, x], outputs: ['y', 'all'] })
      body(loop, 'body', (inside) => {
        inside.addInput('round', tensorType('int64'))
        const more = inside.addInput('more', tensorType('bool'))
        const state = inside.addInput('state', tensorType('float32', 3))
        const doubled = add(inside, 'Add', [state, x], 'doubled')
        const clipped = add(inside, 'Clip', [doubled], 'clipped', { max: number(1) })
        return [
          add(inside, 'Identity', [more], 'on'),
          clipped,
          add(inside, 'Slice', [clipped], 'first', { starts: intList(0), ends: intList(2) }),
        ]
      })
      return loop.outputs.map((value) => value!)
    },
  },
  sequences: {
    opset: 11,
    shape: cube,
    make: (g, x) => {
      const parts = add(
        g,
        'SplitToSequence',
        [x, g.addInitializer('one', Tensor.of('int64', [], [1]))],
        'parts',
        {
          axis: int(1),
        },
      )
      const more = add(
        g,
        'SequenceInsert',
        [
          parts,
          add(
            g,
            'Neg',
            [
              outputs(
                g,
                'SequenceAt',
                [parts, g.addInitializer('at', Tensor.of('int64', [], [-1]))],
                ['last'],
              )[0]!,
            ],
            'negated',
          ),
        ],
        'more',
      )
      return [
        add(g, 'ConcatFromSequence', [more], 'y', { axis: int(1) }),
        add(g, 'SequenceLength', [more], 'count'),
      ]
    },
  },
  optionals: {
    opset: 15,
    shape: [3],
    make: (g, x) => {
      const maybe = add(g, 'Optional', [x], 'maybe')
      return [add(g, 'OptionalHasElement', [maybe], 'there'), add(g, 'OptionalGetElement', [maybe], 'y')]
    },
  },
}
