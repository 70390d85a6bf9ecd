/** Voice activity by silero VAD, with two branches for rates (v5) or for 16 kHz alone: share of frames told right at 0.5. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openModel } from './engines.mjs'
import { readNpz } from './npz.mjs'

const data = fileURLToPath(new URL('data/', import.meta.url))
const { resolve } = createRequire(new URL('../../examples/webpack-vad/package.json', import.meta.url))
export const silero = dirname(resolve('@ricky0123/vad-web'))

const FRAME = 512
const CONTEXT = 64

/** Frames of all clips with their labels (255: not counted); `first` at the start of a clip, where the state is zero. */
function* frames(npz) {
  const { mulaw, length, label } = readNpz(join(data, npz))
  const samples = Float32Array.from(mulaw.data, (code) => {
    const level = code / 127.5 - 1
    return (Math.sign(level) * (256 ** Math.abs(level) - 1)) / 255
  })
  let clip = 0
  let frame = 0
  for (const count of length.data) {
    let context = new Float32Array(CONTEXT)
    for (let start = 0; start < count; start += FRAME) {
      const input = new Float32Array(CONTEXT + FRAME)
      input.set(context)
      input.set(samples.subarray(clip + start, clip + start + FRAME), CONTEXT)
      context = input.slice(FRAME)
      yield { input, first: start === 0, label: label?.data[frame++] }
    }
    clip += count
  }
}

const feedOf = (input, state) => ({
  input: { type: 'float32', data: input, dims: [1, CONTEXT + FRAME] },
  state: { type: 'float32', data: state, dims: [2, 1, 128] },
  sr: { type: 'int64', data: BigInt64Array.of(16000n), dims: [] },
})

async function* run(session, npz = 'vad.npz') {
  let state = new Float32Array(256)
  for (const { input, first, label } of frames(npz)) {
    if (first) state = new Float32Array(256)
    const feeds = feedOf(input, state)
    const outputs = await session.run(feeds)
    yield { feeds, label, probability: outputs[session.outputs[0]].data[0] }
    state = outputs[session.outputs[1]].data
  }
}

export async function scoreSpeech(session) {
  let right = 0
  let counted = 0
  for await (const { label, probability } of run(session)) {
    if (label === 255) continue
    counted++
    if (probability >= 0.5 === (label === 1)) right++
  }
  return right / counted
}

/** Every twentieth frame with the state that the source model had come to. */
export const speechFeeds = (source) => every(20, source)

/** Every fourth frame of six other clips, in synthesized voices. */
export const otherSpeech = (source) => every(4, source, 'vad16k.calibration.npz')

async function* every(step, source, npz) {
  const session = await openModel(source, 'wasm')
  let frame = 0
  for await (const { feeds } of run(session, npz)) if (frame++ % step === 0) yield feeds
  await session.close()
}
