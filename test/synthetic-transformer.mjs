/**
 * Writes a transformer of any size with made-up weights, a tensor at a time: what large-model tests and benchmarks
 * convert. A layer has q, k, v and output projections and a feed-forward pair, 12 width^2 weights.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { basename } from 'node:path'

const varint = (value) => {
  const bytes = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}
const header = (field, length) => Buffer.concat([varint(field * 8 + 2), varint(length)])
const record = (field, content) => {
  const bytes = Buffer.from(content)
  return Buffer.concat([header(field, bytes.length), bytes])
}
const number = (field, value) => Buffer.concat([varint(field * 8), varint(value)])

/**
 * @param {string} file
 * @param {{ bytes: number, width?: number, external?: boolean }} options bytes of weights, about; external puts them in
 * `<file>.data`
 * @returns {{ bytes: number, files: string[] }} what they take together
 */
export function writeTransformer(file, { bytes, width = 1024, external = false }) {
  const layers = Math.max(1, Math.round(bytes / (48 * width * width)))
  const nodes = []
  const weights = []
  const node = (opType, inputs, output, attributes = []) =>
    nodes.push(
      record(
        1,
        Buffer.concat([
          ...inputs.map((name) => record(1, name)),
          record(2, output),
          record(3, `${output}_node`),
          record(4, opType),
          ...attributes,
        ]),
      ),
    )
  const project = (input, output, rows, columns) => {
    weights.push({ name: `${output}_weight`, dims: [rows, columns] })
    node('MatMul', [input, `${output}_weight`], output)
  }
  const perm = record(
    5,
    Buffer.concat([record(1, 'perm'), ...[0, 2, 1].map((axis) => number(8, axis)), number(20, 7)]),
  )
  let stream = 'x'
  for (let layer = 0; layer < layers; layer++) {
    const at = (name) => `layer${layer}_${name}`
    for (const part of ['q', 'k', 'v']) project(stream, at(part), width, width)
    node('Transpose', [at('k')], at('kt'), [perm])
    node('MatMul', [at('q'), at('kt')], at('scores'))
    node('Softmax', [at('scores')], at('attention'))
    node('MatMul', [at('attention'), at('v')], at('mixed'))
    project(at('mixed'), at('o'), width, width)
    node('Add', [stream, at('o')], at('residual'))
    project(at('residual'), at('up'), width, 4 * width)
    node('Relu', [at('up')], at('relu'))
    project(at('relu'), at('down'), 4 * width, width)
    const out = layer === layers - 1 ? 'y' : at('out')
    node('Add', [at('residual'), at('down')], out)
    stream = out
  }
  const value = (name) => {
    const dims = Buffer.concat([1, 8, width].map((dim) => record(1, number(1, dim))))
    const type = record(1, Buffer.concat([number(1, 1), record(2, dims)]))
    return Buffer.concat([record(1, name), record(2, type)])
  }
  const dataFile = `${file}.data`
  let offset = 0
  const tensors = weights.map(({ name, dims }) => {
    const length = 4 * dims[0] * dims[1]
    const head = Buffer.concat([...dims.map((dim) => number(1, dim)), number(2, 1), record(8, name)])
    const entry = (key, text) => record(13, Buffer.concat([record(1, key), record(2, String(text))]))
    const place = external
      ? Buffer.concat([
          entry('location', basename(dataFile)),
          entry('offset', offset),
          entry('length', length),
          number(14, 1),
        ])
      : header(9, length)
    offset += length
    const inside = external ? 0 : length
    return {
      start: Buffer.concat([header(5, head.length + place.length + inside), head, place]),
      inside,
      length,
    }
  })
  const graphHead = Buffer.concat([...nodes, record(2, 'synthetic')])
  const graphTail = Buffer.concat([record(11, value('x')), record(12, value('y'))])
  const graphLength =
    graphHead.length +
    graphTail.length +
    tensors.reduce((sum, { start, inside }) => sum + start.length + inside, 0)
  const opset = record(8, Buffer.concat([record(1, ''), number(2, 21)]))
  const target = openSync(file, 'w')
  const data = external ? openSync(dataFile, 'w') : target
  let written = 0
  const put = (descriptor, chunk) => {
    for (let done = 0; done < chunk.length; ) done += writeSync(descriptor, chunk, done)
    written += chunk.length
  }
  put(target, Buffer.concat([number(1, 10), opset, header(7, graphLength), graphHead]))
  for (const [index, { start, length }] of tensors.entries()) {
    put(target, start)
    put(data, Buffer.from(noise(length / 4, index).buffer))
  }
  put(target, graphTail)
  closeSync(target)
  if (external) closeSync(data)
  return { bytes: written, files: external ? [file, dataFile] : [file] }
}

/** Numbers as weights are: a sum of uniform ones, small and centred on 0. */
function noise(count, seed) {
  const values = new Float32Array(count)
  let state = (seed + 1) * 2654435761
  for (let index = 0; index < count; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    values[index] = ((state & 0xff) + ((state >>> 8) & 0xff) + ((state >>> 16) & 0xff) - 382.5) * 1e-4
  }
  return values
}
