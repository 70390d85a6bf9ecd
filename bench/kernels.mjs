/**
 * Speed of the kernels on one core: GB of input read per second, and as a share of what memcpy does in the same run.
 * The last column says what the docs promise: that speed, or a third of memcpy's.
 */
import {
  absMaxPerChannel,
  channelLayout,
  fitInt8,
  float16Fit,
  fromFloat16,
  measureErrors,
  quantizeBlocks,
  toFloat16,
} from '@unplugin-onnx/core'

const size = 2_621_440 // 10 MB of float32
const weights = new Float32Array(size)
// Box and Muller on a fixed generator: numbers as weights are, centred on 0 and small.
let state = 12345
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return (state + 1) / 4294967297
}
for (let index = 0; index < size; index++) {
  weights[index] = 0.05 * Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())
}
const halves = toFloat16(weights)
const noisy = fromFloat16(halves)
const copy = new Float32Array(size)

/** Milliseconds that the machine was fastest in, over rounds that are seconds apart: others on it only ever add. */
const rounds = 8
const fastest = new Map()
function time(run) {
  for (let index = 0; index < 12; index++) {
    const start = performance.now()
    run()
    const took = performance.now() - start
    if (took < (fastest.get(run) ?? Number.POSITIVE_INFINITY)) fastest.set(run, took)
  }
}

function int8(dims, axis) {
  const layout = channelLayout(dims, axis)
  return () => fitInt8(weights, layout)
}

const matmul = [1024, 2560]
function blocks(bits, symmetric, transposed, blockSize = 32) {
  const [rows, columns] = transposed ? [matmul[1], matmul[0]] : matmul
  const layout = { rows, columns, blockSize, bits, symmetric, transposed }
  return () => quantizeBlocks(weights, layout)
}

const bytes = 4 * size
/** What is run, the least GB/s it is to reach, and the bytes that it reads. */
const rows = [
  ['memcpy', () => copy.set(weights)],
  ['float32 -> float16', () => toFloat16(weights), 3],
  ['float16 -> float32', () => fromFloat16(halves), undefined, bytes / 2],
  ['does it fit float16?', () => float16Fit(weights)],
  ['int8 per tensor', int8(matmul, undefined), 4],
  ['int8 per channel, conv [512,512,10,1] axis 0', int8([512, 512, 10, 1], 0), 4],
  ['int8 per channel, depthwise [291271,1,3,3] axis 0', int8([291271, 1, 3, 3], 0), 4],
  ['int8 per channel, gemm [2560,1024] axis 0', int8([2560, 1024], 0), 4],
  ['int8 per channel, matmul [1024,2560] axis 1', int8(matmul, 1), 4],
  ['int8 scales only, matmul [1024,2560] axis 1', () => absMaxPerChannel(weights, channelLayout(matmul, 1))],
  ['int4 block 32, rows, symmetric', blocks(4, true, false), 2],
  ['int4 block 32, rows, zero points', blocks(4, false, false), 2],
  ['int4 block 32, matmul columns, symmetric', blocks(4, true, true), 2],
  ['int4 block 32, matmul columns, zero points', blocks(4, false, true), 2],
  ['int4 block 128, matmul columns, symmetric', blocks(4, true, true, 128), 2],
  ['int8 block 32, matmul columns, symmetric', blocks(8, true, true)],
  ['int2 block 32, matmul columns, zero points', blocks(2, false, true)],
  ['sqnr, cosine and largest error', () => measureErrors(weights, noisy)],
]
for (let round = 0; round < rounds; round++) for (const [, run] of rows) time(run)

let memcpy
let missed = 0
for (const [name, run, target, read = bytes] of rows) {
  const speed = read / fastest.get(run) / 1e6
  memcpy ??= speed
  const met = target === undefined ? undefined : speed >= target || speed >= memcpy / 3
  if (met === false) missed++
  const verdict = met === undefined ? '' : ` ${met ? 'met' : 'MISSED'}: ${target} GB/s or a third`
  console.log(
    `${name.padEnd(52)} ${speed.toFixed(2).padStart(6)} GB/s ${(speed / memcpy).toFixed(3).padStart(6)} of memcpy${verdict}`,
  )
}
process.exitCode = missed > 0 ? 1 : 0
