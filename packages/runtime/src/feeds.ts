import type { Tensor } from 'onnxruntime-common'
import * as errors from './errors'
import { messageOf } from './errors'
import type { ValueSignature } from './manifest'
import type { Engine } from './types'

/**
 * Tensors for a run: what is given as a typed array gets the shape that the model states. Feeds that don't fit are
 * refused here, so that an error of the run itself is the provider's fault.
 * @throws OnnxError ONNX_FEED_INVALID
 */
export function toTensors(
  model: string,
  inputs: readonly ValueSignature[],
  feeds: Readonly<Record<string, unknown>>,
  engine: Engine,
): Record<string, Tensor> {
  const names = inputs.map(({ name }) => name)
  const unknown = Object.keys(feeds).find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw errors.feedInvalid(model, `it has no input '${unknown}'.`, `Its inputs are ${names.join(', ')}.`)
  }
  // Without a prototype: a model may call an input `__proto__`.
  const tensors: Record<string, Tensor> = Object.create(null)
  for (const input of inputs) {
    const feed = feeds[input.name]
    if (feed !== undefined && feed !== null) tensors[input.name] = toTensor(model, input, feed, engine)
    else if (!input.optional)
      throw errors.feedInvalid(model, `input '${input.name}' is missing.`, describe(input))
  }
  return tensors
}

const describe = ({ name, type, dims }: ValueSignature) =>
  `Feed '${name}' with a ${type} tensor${dims ? ` of shape [${dims.map((dim) => dim ?? '?').join(', ')}]` : ''}.`

function toTensor(model: string, input: ValueSignature, feed: NonNullable<unknown>, engine: Engine): Tensor {
  const invalid = (problem: string) =>
    errors.feedInvalid(model, `input '${input.name}' got ${problem}.`, describe(input))
  const { dims } = input
  if (typeof feed === 'object' && 'dims' in feed && 'type' in feed) {
    const tensor = feed as Tensor
    if (tensor.type !== input.type) throw invalid(`a ${tensor.type} tensor`)
    if (
      dims &&
      (dims.length !== tensor.dims.length ||
        dims.some((dim, axis) => typeof dim === 'number' && dim !== tensor.dims[axis]))
    ) {
      throw invalid(`the shape [${tensor.dims.join(', ')}]`)
    }
    return tensor
  }
  if (!ArrayBuffer.isView(feed) && !Array.isArray(feed)) throw invalid('neither a tensor nor a typed array')
  const { length } = feed as unknown as ArrayLike<unknown>
  const open = dims?.filter((dim) => typeof dim !== 'number').length ?? 2
  if (open > 1 || !dims) throw invalid('a bare array, though its shape is open')
  const known = dims.reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), 1)
  const rest = open === 1 ? length / known : 1
  if (!Number.isInteger(rest) || known * rest !== length) throw invalid(`${length} elements`)
  const shape = dims.map((dim) => (typeof dim === 'number' ? dim : rest))
  try {
    return new engine.Tensor(input.type as 'float32', feed as Float32Array, shape)
  } catch (cause) {
    throw invalid(messageOf(cause))
  }
}
