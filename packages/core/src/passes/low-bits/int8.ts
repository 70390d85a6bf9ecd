import { Tensor } from '../../graph/tensor'
import { fitInt8, quantizeInt8 } from '../../kernels/int8'
import type { Placement } from '../placement'
import { finite } from './finite'
import type { WeightOptions } from './options'
import { Parts } from './parts'
import { isPassedOn } from './passed-on'
import type { Plan } from './plan'
import type { Scratch } from './scratch'

/** Symmetric int8 with a scale for each channel or for all, rounded to nearest: it has a kernel of its own. */
export const isPlainInt8 = ({ bits, granularity, symmetric, scale, method }: WeightOptions): boolean =>
  bits === 8 && granularity !== 'block' && symmetric && scale === 'float' && method === 'rtn'

/** Puts int8 in the weight's place and DequantizeLinear before its first reader. */
export function storeInt8({ value, tensor, int8 }: Plan, placement: Placement, scratch: Scratch): void {
  const user = placement.firstUser(value)
  if (user === undefined || int8 === undefined) return
  const { axis, layout } = int8
  const { graph, name } = value
  const uses = [...value.uses]
  const parts = new Parts(() => {
    const data = scratch.float32(tensor)
    const { quantized, scales } =
      int8.scales === undefined
        ? finite(name, fitInt8(data, layout))
        : { quantized: quantizeInt8(data, layout, int8.scales), scales: int8.scales }
    return { packed: new Uint8Array(quantized.buffer), scales }
  })
  value.initializer = Tensor.lazy('int8', tensor.dims, () => parts.packed())
  const dims = axis === undefined ? [] : [layout.channels]
  const scaleTensor =
    int8.scales === undefined
      ? Tensor.lazy('float32', dims, () => parts.scaleBytes())
      : Tensor.fromBytes('float32', dims, new Uint8Array(int8.scales.buffer))
  const scale = graph.addInitializer(graph.uniqueName(`${name}_scale`), scaleTensor)
  const inputs = [value, scale]
  if (isPassedOn(uses)) {
    const zeros = Tensor.fromBytes('int8', dims, new Uint8Array(layout.channels))
    inputs.push(graph.addInitializer(graph.uniqueName(`${name}_zero_point`), zeros))
  }
  const [output] = graph.addNode(
    {
      opType: 'DequantizeLinear',
      inputs,
      outputs: [graph.uniqueName(`${name}_dequantized`)],
      attributes: axis === undefined ? {} : { axis: { type: 'int', value: axis } },
    },
    { before: user },
  ).outputs
  for (const { node, index } of uses) node.setInput(index, output)
}
