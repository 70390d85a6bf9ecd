import { add, floats, int, intList, ints } from '../build-model'
import { float, int64 } from '../engine'
import { type Cases, image, number, numbers, outputs, text } from './case'

/** Operators on images and signals. */
export const images: Cases = {
  'Upsample, nearest, by attribute': {
    opset: 7,
    shape: image,
    make: (g, x) => add(g, 'Upsample', [x], 'y', { mode: text('nearest'), scales: numbers(1, 1, 2, 3) }),
  },
  'Upsample, linear': {
    opset: 9,
    shape: image,
    make: (g, x) =>
      add(g, 'Upsample', [x, g.addInitializer('scales', floats([4], [1, 1, 2, 2.5]))], 'y', {
        mode: text('linear'),
      }),
  },
  'Resize, nearest, larger': {
    opset: 10,
    shape: image,
    make: (g, x) => add(g, 'Resize', [x, g.addInitializer('scales', floats([4], [1, 1, 1.5, 2.6]))], 'y'),
  },
  'Resize, nearest, smaller': {
    opset: 10,
    shape: [1, 1, 7, 9],
    make: (g, x) => add(g, 'Resize', [x, g.addInitializer('scales', floats([4], [1, 1, 0.6, 0.45]))], 'y'),
  },
  'Resize, linear': {
    opset: 10,
    shape: image,
    make: (g, x) =>
      add(g, 'Resize', [x, g.addInitializer('scales', floats([4], [1, 1, 0.5, 1.7]))], 'y', {
        mode: text('linear'),
      }),
  },
  'Resize with sizes and empty scales': {
    opset: 11,
    shape: image,
    make: (g, x) => {
      const empty = g.addInitializer('empty', floats([0], []))
      return add(g, 'Resize', [x, empty, empty, g.addInitializer('sizes', ints(1, 2, 7, 3))], 'y', {
        mode: text('cubic'),
        coordinate_transformation_mode: text('half_pixel'),
      })
    },
  },
  RoiAlign: {
    opset: 10,
    shape: [1, 1, 6, 6],
    make: (g, x) =>
      add(
        g,
        'RoiAlign',
        [x, g.addInitializer('rois', floats([1, 4], [0, 1, 4.5, 5])), g.addInitializer('b', ints(0))],
        'y',
        { output_height: int(2), output_width: int(2) },
      ),
  },
  GridSample: {
    opset: 16,
    shape: image,
    make: (g, x) =>
      add(
        g,
        'GridSample',
        [x, g.addInitializer('grid', floats([1, 2, 2, 2], [-0.5, 0.1, 0.3, -0.9, 0.7, 0.7, 0, 0.2]))],
        'y',
        { mode: text('bicubic') },
      ),
  },
  DFT: { opset: 17, shape: [1, 8, 1], make: (g, x) => add(g, 'DFT', [x], 'y', { axis: int(1) }) },
  'Upsample, nearest, by computed scales': {
    opset: 9,
    shape: image,
    feeds: { scales: float([4], [1, 1, 2, 1.5]) },
    make: (g, x, input) => add(g, 'Upsample', [x, input('scales')], 'y', { mode: text('nearest') }),
  },
  'Resize, nearest, larger and smaller': {
    opset: 10,
    shape: [1, 1, 5, 6],
    make: (g, x) => add(g, 'Resize', [x, g.addInitializer('scales', floats([4], [1, 1, 1.7, 0.45]))], 'y'),
  },
  'Resize, nearest, by computed scales': {
    opset: 10,
    shape: [1, 2, 5, 6],
    feeds: { scales: float([4], [1, 1, 0.6, 2.3]) },
    make: (g, x, input) => add(g, 'Resize', [x, input('scales')], 'y'),
  },
  'Resize, nearest pixels as TensorFlow finds them': {
    opset: 11,
    shape: [1, 1, 5, 7],
    make: (g, x) => {
      const empty = g.addInitializer('empty', floats([0], []))
      const scales = g.addInitializer('scales', floats([4], [1, 1, 0.5, 2.2]))
      return add(g, 'Resize', [x, empty, scales], 'y', {
        coordinate_transformation_mode: text('tf_half_pixel_for_nn'),
        nearest_mode: text('floor'),
      })
    },
  },
  'Resize, a region': {
    opset: 11,
    shape: image,
    make: (g, x) => {
      const region = g.addInitializer('region', floats([8], [0, 0, 0.1, 0.2, 1, 1, 0.8, 1.1]))
      const scales = g.addInitializer('scales', floats([4], [1, 1, 1.5, 1.25]))
      return add(g, 'Resize', [x, region, scales], 'y', {
        mode: text('linear'),
        coordinate_transformation_mode: text('tf_crop_and_resize'),
        extrapolation_value: number(9),
      })
    },
  },
  'Resize, aligned corners, by computed sizes': {
    opset: 13,
    shape: image,
    feeds: { sizes: int64([4], [1, 2, 3, 7]) },
    make: (g, x, input) =>
      add(g, 'Resize', [x, undefined, undefined, input('sizes')], 'y', {
        mode: text('cubic'),
        coordinate_transformation_mode: text('align_corners'),
      }),
  },
  'RoiAlign, the largest': {
    opset: 10,
    shape: [1, 2, 6, 6],
    make: (g, x) =>
      add(
        g,
        'RoiAlign',
        [
          x,
          g.addInitializer('rois', floats([2, 4], [0.3, 1, 4.5, 5, 1, 0, 3, 2.2])),
          g.addInitializer('b', ints(0, 0)),
        ],
        'y',
        {
          mode: text('max'),
          output_height: int(3),
          output_width: int(2),
          sampling_ratio: int(2),
          spatial_scale: number(0.7),
        },
      ),
  },
  'GridSample, as it is by default': {
    opset: 16,
    shape: image,
    make: (g, x) =>
      add(g, 'GridSample', [x, g.addInitializer('grid', floats([1, 1, 2, 2], [-0.5, 0.1, 0.3, -0.9]))], 'y'),
  },
  'GridSample, nearest': {
    opset: 16,
    shape: image,
    make: (g, x) =>
      add(g, 'GridSample', [x, g.addInitializer('grid', floats([1, 1, 2, 2], [-0.5, 0.1, 0.3, -0.9]))], 'y', {
        mode: text('nearest'),
        align_corners: int(1),
      }),
  },
  'pools, up to windows that reach beyond the end': {
    opset: 10,
    shape: [1, 2, 6, 7],
    make: (g, x) => {
      const window = {
        kernel_shape: intList(3, 3),
        strides: intList(2, 2),
        pads: intList(1, 0, 1, 1),
        ceil_mode: int(1),
      }
      return [
        add(g, 'AveragePool', [x], 'mean', { ...window, count_include_pad: int(1) }),
        add(g, 'AveragePool', [x], 'mean_inside', window),
        ...outputs(g, 'MaxPool', [x], ['largest', 'places'], window),
      ]
    },
  },
  'pools of opset 7': {
    opset: 7,
    shape: [1, 2, 6, 7],
    make: (g, x) => {
      const window = { kernel_shape: intList(3, 2), strides: intList(2, 1), auto_pad: text('SAME_LOWER') }
      return [
        add(g, 'AveragePool', [x], 'mean', window),
        add(g, 'MaxPool', [x], 'largest', window),
        add(g, 'LpPool', [x], 'length', { ...window, p: int(2) }),
      ]
    },
  },
  'DepthToSpace and back': {
    opset: 7,
    shape: [1, 8, 2, 3],
    make: (g, x) => {
      const wide = add(g, 'DepthToSpace', [x], 'wide', { blocksize: int(2) })
      return [wide, add(g, 'SpaceToDepth', [wide], 'y', { blocksize: int(2) })]
    },
  },
}
