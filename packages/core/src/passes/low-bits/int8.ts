import { Tensor } from '../../graph/tensor'
import { quantizeInt8 } from '../../kernels/int8'
import type { Placement } from '../placement'
import type { WeightOptions } from './options'
import type { Plan } from './plan'

/** Symmetric int8 with a scale for each channel or for all, rounded to nearest: it has a kernel of its own. */
export const isPlainInt8 = ({ bits, granularity, symmetric, scale, method }: WeightOptions): boolean =>
  bits === 8 && granularity !== 'block' && symmetric && scale === 'float' && method === 'rtn'

/** Puts int8 in the weight's place and DequantizeLinear before its first reader. */
export function storeInt8({ value, tensor, int8 }: Plan, placement: Placement): void {
  const user = placement.firstUser(value)
  if (user === undefined || int8 === undefined) return
  const { axis, layout, scales } = int8
  const { graph } = value
  const uses = [...value.uses]
  value.initializer = Tensor.lazy('int8', tensor.dims, () => {
    return new Uint8Array(quantizeInt8(tensor.float32(), layout, scales).buffer)
  })
  const dims = axis === undefined ? [] : [scales.length]
  const scaleTensor = Tensor.fromBytes('float32', dims, new Uint8Array(scales.buffer))
  const scale = graph.addInitializer(graph.uniqueName(`${value.name}_scale`), scaleTensor)
  const [output] = graph.addNode(
    {
      opType: 'DequantizeLinear',
      inputs: [value, scale],
      outputs: [graph.uniqueName(`${value.name}_dequantized`)],
      attributes: axis === undefined ? {} : { axis: { type: 'int', value: axis } },
    },
    { before: user },
  ).outputs
  for (const { node, index } of uses) node.setInput(index, output)
}
