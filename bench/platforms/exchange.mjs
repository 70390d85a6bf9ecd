/**
 * Tensors as programs in four languages read and write them without a library: NAME.bin has all data, little-endian, one
 * tensor after the other; NAME.tsv has a line for each: run, name, type, dims joined by commas, offset, bytes.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int32: Int32Array,
  int64: BigInt64Array,
}

/** @param runs for each run tensors by name, { type, dims, data } */
export function writeTensors(stem, runs) {
  const lines = []
  const chunks = []
  let offset = 0
  for (const [run, tensors] of runs.entries()) {
    for (const [name, { type, dims, data }] of Object.entries(tensors)) {
      if (arrays[type] === undefined) throw new TypeError(`${name} is ${type}: the runners don't know it`)
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      lines.push([run, name, type, dims.join(','), offset, bytes.length].join('\t'))
      chunks.push(bytes)
      offset += bytes.length
    }
  }
  writeFileSync(`${stem}.bin`, Buffer.concat(chunks))
  writeFileSync(`${stem}.tsv`, `${lines.join('\n')}\n`)
}

export function readTensors(stem) {
  const bytes = readFileSync(`${stem}.bin`)
  const runs = []
  for (const line of readFileSync(`${stem}.tsv`, 'utf8').trimEnd().split('\n')) {
    const [run, name, type, dims, offset, length] = line.split('\t')
    const data = new arrays[type](Uint8Array.from(bytes.subarray(+offset, +offset + +length)).buffer)
    runs[run] ??= {}
    runs[run][name] = { type, dims: dims === '' ? [] : dims.split(',').map(Number), data }
  }
  return runs
}
