import { Tensor } from '../../graph/tensor'
import type { Slice, Space } from './channel-spaces'

/** Takes all channels but `kept` (ascending) out of everything that has them. */
export function cut(space: Space, kept: readonly number[]): void {
  for (const slice of space.slices) slice.value.initializer = sliced(slice, space.size, kept)
  for (const node of space.depthwise) node.setAttribute('group', { type: 'int', value: kept.length })
  for (const node of space.reshapes) {
    const shape = node.inputs[1]
    const [batch = 0, features = 0] = shape?.initializer?.ints() ?? []
    if (shape === undefined || features < 0) continue
    const dims = Tensor.of('int64', [2], [batch, (features / space.size) * kept.length])
    // A new one: others may read the shape, too.
    node.setInput(1, node.graph.addInitializer(node.graph.uniqueName(`${shape.name}_cut`), dims))
    if (shape.uses.length === 0 && !shape.isOutput && !shape.isInput) shape.graph.removeInitializer(shape)
  }
  // What is recorded of their shapes is no longer so; engines infer them again.
  for (const value of space.values) value.type = undefined
}

function sliced({ value, axis }: Slice, size: number, kept: readonly number[]): Tensor {
  const tensor = value.initializer
  if (tensor === undefined) throw new Error(`${value.name} has no data`)
  const length = tensor.dims[axis] ?? 0
  const run = length / size
  const dims = tensor.dims.map((dim, index) => (index === axis ? run * kept.length : dim))
  return Tensor.lazy('float32', dims, () => {
    const data = tensor.float32()
    const inner = tensor.dims.slice(axis + 1).reduce((product, dim) => product * dim, 1) * run
    const outer = data.length / (size * inner)
    const out = new Float32Array(outer * kept.length * inner)
    let to = 0
    for (let row = 0; row < outer; row++) {
      for (const channel of kept) {
        const from = (row * size + channel) * inner
        out.set(data.subarray(from, from + inner), to)
        to += inner
      }
    }
    return new Uint8Array(out.buffer)
  })
}

/** Calls back with each weight of a slice and the channel that it belongs to. */
export function eachWeight(
  { value, axis }: Slice,
  size: number,
  visit: (weight: number, channel: number) => void,
): void {
  const tensor = value.initializer
  if (tensor === undefined) return
  const run = (tensor.dims[axis] ?? 0) / size
  const inner = tensor.dims.slice(axis + 1).reduce((product, dim) => product * dim, 1) * run
  for (const [index, weight] of tensor.float32().entries()) visit(weight, Math.floor(index / inner) % size)
}
