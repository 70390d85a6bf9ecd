import './theme.css'
import './app.css'
import type { Provider } from 'unplugin-onnx/runtime'
import { decodeAudio } from './audio/decode'
import { openMicrophone } from './audio/microphone'
import { type Model, openModel } from './model'
import { createListener, frameLength, listenTo, sampleRate } from './vad/detector'
import { findSegments, type Segment } from './vad/segments'
import { drawChart, type Scene } from './view/chart'
import { byId, say } from './view/dom'
import { listSegments, showRun } from './view/report'

const parameters = new URLSearchParams(location.search)
const provider = parameters.get('provider')
const chart = byId('chart', HTMLCanvasElement)
const player = byId('player', HTMLAudioElement)
const microphoneButton = byId('microphone', HTMLButtonElement)

/** The live picture of the microphone shows its last ten seconds. */
const liveFrames = Math.round((10 * sampleRate) / frameLength)

let model: Promise<Model> | undefined
let scene: Scene = { samples: new Float32Array(sampleRate), probabilities: [], segments: [] }
let stopPlayingAt = Number.POSITIVE_INFINITY
/** One recording at a time; a new one waits for the one before it. */
let queue: Promise<unknown> = Promise.resolve()

function opened(): Promise<Model> {
  model ??= openModel(
    provider === 'webgpu' || provider === 'wasm' ? (provider satisfies Provider) : undefined,
  )
  model.catch(() => {
    model = undefined
  })
  return model
}

function draw(next: Partial<Scene> = {}): void {
  scene = { ...scene, ...next }
  drawChart(chart, scene)
}

const nextFrame = () => new Promise((done) => requestAnimationFrame(done))

async function listenToRecording(recording: Blob) {
  await closeMicrophone()
  const samples = await decodeAudio(recording)
  if (player.src) URL.revokeObjectURL(player.src)
  player.src = URL.createObjectURL(recording)
  scene = { samples, probabilities: [], segments: [] }
  byId('source-legend', HTMLLIElement).hidden = true
  draw()
  say('Loading the model …')
  const { run, opened: variant, load } = await opened()
  say('Listening …')
  const heard: number[] = []
  let listen = 0
  let since = performance.now()
  const probabilities = await listenTo(samples, run, async (probability, index) => {
    heard.push(probability)
    if (index % 8 !== 0) return
    // The clock stands still while the page draws.
    listen += performance.now() - since
    draw({ probabilities: heard })
    await nextFrame()
    since = performance.now()
  })
  listen += performance.now() - since
  const segments = findSegments(probabilities)
  draw({ probabilities, segments })
  listSegments(segments, play)
  const duration = samples.length / sampleRate
  showRun({ opened: variant(), load, listen, duration })
  const speech = segments.reduce((sum, { start, end }) => sum + end - start, 0)
  const text = `${speech.toFixed(1)} s of speech in ${duration.toFixed(1)} s, in ${segments.length} segments.`
  say(text, 'done')
  chart.setAttribute('aria-label', `Waveform with the probability of speech: ${text}`)
  return { samples, probabilities, segments, load, listen, opened: variant() }
}

/** The source model's curve under the variant's, and how far they lie apart. */
async function compare(): Promise<{ segments: Segment[]; bytes: number; maxDifference: number }> {
  say('Listening with the source model …')
  const { listenWithSource } = await import('./compare')
  const { probabilities, bytes } = await listenWithSource(scene.samples)
  draw({ source: probabilities })
  let maxDifference = 0
  for (const [index, value] of probabilities.entries())
    maxDifference = Math.max(maxDifference, Math.abs(value - (scene.probabilities[index] ?? 0)))
  say(
    `The source model (${(bytes / 1e6).toFixed(2)} MB) hears the same to ${maxDifference.toFixed(3)}.`,
    'done',
  )
  return { segments: findSegments(probabilities), bytes, maxDifference }
}

let microphone: (() => Promise<void>) | undefined

async function closeMicrophone(): Promise<void> {
  await microphone?.()
  microphone = undefined
  microphoneButton.setAttribute('aria-pressed', 'false')
}

async function listenToMicrophone(): Promise<void> {
  const { run } = await opened()
  const listener = createListener(run)
  const samples = new Float32Array(liveFrames * frameLength)
  const probabilities = new Float32Array(liveFrames)
  let frames: Promise<unknown> = Promise.resolve()
  microphone = await openMicrophone((frame) => {
    frames = frames.then(async () => {
      const probability = await listener.hear(frame)
      samples.copyWithin(0, frameLength)
      samples.set(frame, samples.length - frameLength)
      probabilities.copyWithin(0, 1)
      probabilities[liveFrames - 1] = probability
      scene = { samples, probabilities, segments: findSegments(probabilities) }
      draw()
    })
  })
  microphoneButton.setAttribute('aria-pressed', 'true')
  listSegments([], play)
  say('Listening to the microphone: the last ten seconds.')
}

function play({ start, end }: Segment): void {
  player.currentTime = start
  stopPlayingAt = end
  void player.play()
}

function follow(): void {
  if (player.currentTime >= stopPlayingAt) {
    player.pause()
    stopPlayingAt = Number.POSITIVE_INFINITY
  }
  draw({ playhead: player.currentTime })
  if (!player.paused) requestAnimationFrame(follow)
}

function enqueue<T>(work: () => Promise<T>): Promise<T | undefined> {
  const done = queue.then(work).catch((error: unknown) => {
    console.error(error)
    say(error instanceof Error ? error.message : String(error), 'failed')
    Object.assign(globalThis, { __error: String(error) })
    return undefined
  })
  queue = done
  return done
}

const fetchSample = async () => (await fetch(new URL('./sample.wav', import.meta.url))).blob()

const file = byId('file', HTMLInputElement)
file.addEventListener('change', () => {
  const [recording] = file.files ?? []
  if (recording) enqueue(() => listenToRecording(recording))
})
document.addEventListener('dragover', (event) => event.preventDefault())
document.addEventListener('drop', (event) => {
  event.preventDefault()
  const [recording] = event.dataTransfer?.files ?? []
  if (recording) enqueue(() => listenToRecording(recording))
})
byId('sample', HTMLButtonElement).addEventListener('click', () =>
  enqueue(async () => listenToRecording(await fetchSample())),
)
byId('compare', HTMLButtonElement).addEventListener('click', () => enqueue(compare))
microphoneButton.addEventListener('click', () => enqueue(microphone ? closeMicrophone : listenToMicrophone))
player.addEventListener('play', follow)
player.addEventListener('seeked', () => draw({ playhead: player.currentTime }))
addEventListener('resize', () => draw())
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => draw())

/** A sample runs by itself. What it gave is left in `__result`, for scripts that watch over the page. */
enqueue(async () => {
  const { samples, probabilities, segments, load, listen, opened } = await listenToRecording(
    await fetchSample(),
  )
  const source = parameters.has('source') ? await compare() : undefined
  Object.assign(globalThis, {
    __result: {
      seconds: samples.length / sampleRate,
      segments,
      probabilities: Array.from(probabilities),
      model: opened,
      milliseconds: { load, listen },
      ...(source && { source }),
    },
  })
})
