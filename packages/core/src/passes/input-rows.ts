import type { LinearLayer } from './linear-layers'

/** Inputs of a layer, one row for each position that it is applied at. */
export interface InputRows {
  /** [count, layer.features], row-major; features in the order of `weightRows`. */
  readonly rows: Float32Array
  readonly count: number
}

/**
 * Unfolds what a layer read in one run to rows, so that its output is W times a row (im2col for a convolution). Where there
 * are more positions than `maxRows`, they are spread evenly, the same ones every time.
 * @param dims of the input as observed; for values in a Loop with the rounds in front
 * @param group 0 to layer.groups - 1
 */
export function inputRows(
  layer: LinearLayer,
  dims: readonly number[],
  data: Float32Array,
  group: number,
  maxRows = 2048,
): InputRows {
  if (layer.kind === 'Conv') return unfold(layer, dims, data, group, maxRows)
  if (layer.kind === 'ConvTranspose') return transposedRows(layer, dims, data, group, maxRows)
  const { node, features, inputIndex } = layer
  const across = layer.kind === 'Gemm' ? node.int('transA', 0) === 1 : inputIndex === 1
  return across
    ? columnsOf(dims, data, features, maxRows)
    : everyRow(data, data.length / features, features, maxRows)
}

/** Positions 0 to total - 1, at most so many. */
function* spread(total: number, max: number): Iterable<number> {
  const count = Math.min(total, max)
  for (let index = 0; index < count; index++) yield Math.floor((index * total) / count)
}

function everyRow(data: Float32Array, total: number, features: number, maxRows: number): InputRows {
  const count = Math.min(total, maxRows)
  if (count === total) return { rows: data, count }
  const rows = new Float32Array(count * features)
  let at = 0
  for (const row of spread(total, maxRows)) {
    rows.set(data.subarray(row * features, (row + 1) * features), at)
    at += features
  }
  return { rows, count }
}

/** Matrices [features, columns] one after the other: their columns are the rows. */
function columnsOf(
  dims: readonly number[],
  data: Float32Array,
  features: number,
  maxRows: number,
): InputRows {
  const columns = dims.length < 2 ? 1 : (dims.at(-1) ?? 1)
  const total = data.length / features
  const count = Math.min(total, maxRows)
  const rows = new Float32Array(count * features)
  let at = 0
  for (const position of spread(total, maxRows)) {
    const matrix = Math.floor(position / columns)
    const start = matrix * features * columns + (position % columns)
    for (let feature = 0; feature < features; feature++)
      rows[at++] = data[start + feature * columns] as number
  }
  return { rows, count }
}

interface Windows {
  readonly batch: number
  readonly channels: number
  readonly size: readonly number[]
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly begin: readonly number[]
  readonly outputs: readonly number[]
}

function windowsOf({ node, weight }: LinearLayer, dims: readonly number[]): Windows {
  const kernel = weight.initializer?.dims.slice(2) ?? []
  const spatial = kernel.length
  const size = dims.slice(-spatial)
  const channels = dims.at(-spatial - 1) ?? 1
  const batch = dims.slice(0, -spatial - 1).reduce((product, dim) => product * dim, 1)
  const ones = kernel.map(() => 1)
  const strides = node.ints('strides') ?? ones
  const dilations = node.ints('dilations') ?? ones
  const pads = node.ints('pads') ?? [...ones, ...ones].map(() => 0)
  const auto = node.string('auto_pad', 'NOTSET')
  const begin: number[] = []
  const outputs: number[] = []
  for (const [axis, length] of size.entries()) {
    const stride = strides[axis] ?? 1
    const reach = ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
      const out = Math.ceil(length / stride)
      const total = Math.max(0, (out - 1) * stride + reach - length)
      begin.push(auto === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2))
      outputs.push(out)
    } else {
      const [before, after] = auto === 'VALID' ? [0, 0] : [pads[axis] ?? 0, pads[axis + spatial] ?? 0]
      begin.push(before)
      outputs.push(Math.max(0, Math.floor((length + before + after - reach) / stride) + 1))
    }
  }
  return { batch, channels, size, kernel, strides, dilations, begin, outputs }
}

function unfold(
  layer: LinearLayer,
  dims: readonly number[],
  data: Float32Array,
  group: number,
  maxRows: number,
): InputRows {
  const windows = windowsOf(layer, dims)
  const { batch, channels, size, outputs } = windows
  const { features, kernelSize, groups } = layer
  const perGroup = channels / groups
  const area = size.reduce((product, dim) => product * dim, 1)
  const positions = outputs.reduce((product, dim) => product * dim, 1)
  const total = batch * positions
  const count = Math.min(total, maxRows)
  const rows = new Float32Array(count * features)
  const offsets = new Int32Array(kernelSize)
  let at = 0
  for (const position of spread(total, maxRows)) {
    fillOffsets(offsets, windows, position % positions)
    const image = (Math.floor(position / positions) * channels + group * perGroup) * area
    for (let channel = 0; channel < perGroup; channel++) {
      const start = image + channel * area
      for (let k = 0; k < kernelSize; k++, at++) {
        const offset = offsets[k] as number
        if (offset >= 0) rows[at] = data[start + offset] as number
      }
    }
  }
  return { rows, count }
}

/** Where the window at a position reads, as offsets within a channel; -1 in the padding. */
function fillOffsets(offsets: Int32Array, windows: Windows, position: number): void {
  const { size, kernel, strides, dilations, begin, outputs } = windows
  const starts: number[] = []
  let rest = position
  for (let axis = size.length - 1; axis >= 0; axis--) {
    const length = outputs[axis] ?? 1
    starts[axis] = (rest % length) * (strides[axis] ?? 1) - (begin[axis] ?? 0)
    rest = Math.floor(rest / length)
  }
  for (let k = 0; k < offsets.length; k++) {
    let left = k
    let offset = 0
    let step = 1
    for (let axis = size.length - 1; axis >= 0; axis--) {
      const width = kernel[axis] ?? 1
      const length = size[axis] ?? 1
      const place = (starts[axis] ?? 0) + (left % width) * (dilations[axis] ?? 1)
      left = Math.floor(left / width)
      if (place < 0 || place >= length) offset = -1
      else if (offset >= 0) offset += place * step
      step *= length
    }
    offsets[k] = offset
  }
}

/**
 * A transposed convolution scatters: each input position meets every kernel position alike, so what a kernel position saw
 * is the input itself. Rows hold the position's channels, repeated for the kernel positions: the second moments between
 * channels are right, those between kernel positions are taken to be as large.
 */
function transposedRows(
  layer: LinearLayer,
  dims: readonly number[],
  data: Float32Array,
  group: number,
  maxRows: number,
): InputRows {
  const { features, kernelSize, groups, weight } = layer
  const spatial = (weight.initializer?.dims.length ?? 2) - 2
  const channels = dims.at(-spatial - 1) ?? 1
  const area = dims.slice(-spatial).reduce((product, dim) => product * dim, 1)
  const batch = data.length / (channels * area)
  const perGroup = channels / groups
  const total = batch * area
  const count = Math.min(total, maxRows)
  const rows = new Float32Array(count * features)
  let at = 0
  for (const position of spread(total, maxRows)) {
    const start = (Math.floor(position / area) * channels + group * perGroup) * area + (position % area)
    for (let channel = 0; channel < perGroup; channel++) {
      const x = data[start + channel * area] as number
      for (let k = 0; k < kernelSize; k++) rows[at++] = x
    }
  }
  return { rows, count }
}
