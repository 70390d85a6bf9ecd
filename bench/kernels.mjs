/** Speed of the kernels: GB of float32 read per second, and as a share of this machine's memcpy. */
import {
  absMaxPerChannel,
  channelLayout,
  float16Fit,
  fromFloat16,
  measureErrors,
  quantizeInt8,
  symmetricScales,
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

/** The fastest of 40 runs after 10 to warm up, in seconds: what else the machine does only ever adds. */
function seconds(run) {
  for (let index = 0; index < 10; index++) run()
  const times = Array.from({ length: 40 }, () => {
    const start = performance.now()
    run()
    return performance.now() - start
  })
  return Math.min(...times) / 1000
}

function int8(dims, axis) {
  const layout = channelLayout(dims, axis)
  return () => quantizeInt8(weights, layout, symmetricScales(absMaxPerChannel(weights, layout)))
}

const memcpy = seconds(() => copy.set(weights))
const rows = [
  ['memcpy', memcpy],
  ['float32 -> float16', seconds(() => toFloat16(weights))],
  ['float16 -> float32', seconds(() => fromFloat16(halves))],
  ['does it fit float16?', seconds(() => float16Fit(weights))],
  ['int8 per tensor', seconds(int8([1024, 2560], undefined))],
  ['int8 per channel, conv [512,512,10,1] axis 0', seconds(int8([512, 512, 10, 1], 0))],
  ['int8 per channel, depthwise [291271,1,3,3] axis 0', seconds(int8([291271, 1, 3, 3], 0))],
  ['int8 per channel, matmul [1024,2560] axis 1', seconds(int8([1024, 2560], 1))],
  [
    'int8 scales only, matmul [1024,2560] axis 1',
    seconds(() => absMaxPerChannel(weights, channelLayout([1024, 2560], 1))),
  ],
  ['sqnr, cosine and largest error', seconds(() => measureErrors(weights, noisy))],
]
for (const [name, time] of rows) {
  const speed = (size * 4) / time / 1e9
  console.log(
    `${name.padEnd(52)} ${(time * 1000).toFixed(2).padStart(7)} ms ${speed.toFixed(2).padStart(6)} GB/s ${(memcpy / time).toFixed(3).padStart(6)} of memcpy`,
  )
}
