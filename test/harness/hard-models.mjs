/** Models that are right, and that no engine gets through: written with another implementation of protobuf than ours. */
import { join } from 'node:path'
import protobuf from 'protobufjs'

const proto = join(import.meta.dirname, '../../packages/core/test/fixtures/onnx-ml.proto')
const ModelProto = protobuf.loadSync(proto).lookupType('onnx.ModelProto')

const types = { float: 1, int64: 7, bool: 9 }
const kinds = { GRAPH: 5, TENSOR: 4, INT: 2 }

const value = (name, type, ...dims) => ({
  name,
  type: { tensorType: { elemType: types[type], shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
})
const tensor = (name, type, dims, rawData) => ({ name, dataType: types[type], dims, rawData })
const int64 = (name, number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(number))
  return tensor(name, 'int64', [1], bytes)
}
const node = (opType, input, output, attribute = []) => ({ opType, input, output: [output], attribute })
const model = (graph) =>
  Buffer.from(
    ModelProto.encode(
      ModelProto.fromObject({ irVersion: 8, opsetImport: [{ domain: '', version: 17 }], graph }),
    ).finish(),
  )

/** Weights, so that there is something to convert. */
const weight = () => {
  const floats = Float32Array.from({ length: 64 * 64 }, (_, index) => Math.sin(index) / 8)
  return tensor('weight', 'float', [64, 64], Buffer.from(floats.buffer))
}

/** Multiplies its input by a matrix, 2^60 times. */
export const endless = () =>
  model({
    name: 'endless',
    input: [value('x', 'float', 1, 64)],
    output: [value('y', 'float', 1, 64)],
    initializer: [weight(), int64('times', 2n ** 60n)],
    node: [
      node('Loop', ['times', '', 'x'], 'y', [
        {
          name: 'body',
          type: kinds.GRAPH,
          g: {
            name: 'body',
            input: [value('step', 'int64'), value('going', 'bool'), value('before', 'float', 1, 64)],
            output: [value('still', 'bool'), value('after', 'float', 1, 64)],
            node: [node('Identity', ['going'], 'still'), node('MatMul', ['before', 'weight'], 'after')],
          },
        },
      ]),
    ],
  })

/**
 * Adds the sum of that many zeros to its output.
 * @param {number} elements of 4 bytes each, all of them in memory at once
 */
export const greedy = (elements) =>
  model({
    name: 'greedy',
    input: [value('x', 'float', 1, 64)],
    output: [value('y', 'float', 1, 64)],
    initializer: [weight(), int64('elements', elements), int64('axis', 0)],
    node: [
      node('ConstantOfShape', ['elements'], 'zeros'),
      node('ReduceSum', ['zeros', 'axis'], 'sum', [{ name: 'keepdims', type: kinds.INT, i: 1 }]),
      node('MatMul', ['x', 'weight'], 'product'),
      node('Add', ['product', 'sum'], 'y'),
    ],
  })
