import type { Provider } from 'unplugin-onnx/runtime'
import { type Model, openModel } from './model'
import { takePicture } from './picture'
import { samples } from './samples'
import { byId, element, say } from './view/dom'
import { clear, drawPath, ink, onDraw } from './view/pad'
import { showBars, showPicture, showRun } from './view/report'

const parameters = new URLSearchParams(location.search)
const providerOf = (value: string | null): Provider | undefined =>
  value === 'webgpu' || value === 'wasm' ? value : undefined

const light = byId('light', HTMLInputElement)
const noise = byId('noise', HTMLInputElement)
let model: Promise<Model> | undefined

function opened(): Promise<Model> {
  model ??= openModel(providerOf(parameters.get('provider')))
  model.catch(() => {
    model = undefined
  })
  return model
}

/** Looks at the drawing as it is now. */
async function classify() {
  const picture = takePicture(ink(), { light: Number(light.value), noise: Number(noise.value) })
  showPicture(picture)
  const { classify, opened: variant, load } = await opened()
  const start = performance.now()
  const probabilities = await classify(picture)
  const run = performance.now() - start
  showBars(probabilities)
  showRun({ opened: variant(), load, run })
  const digit = probabilities.indexOf(Math.max(...probabilities))
  say(`It looks like a ${digit}, ${Math.round((probabilities[digit] ?? 0) * 100)} % sure.`, 'done')
  return { digit, probabilities, picture, load, run, model: variant() }
}

async function compare(): Promise<{ probabilities: readonly number[]; bytes: number }> {
  const { probabilities, picture } = await classify()
  const { classifyWithSource } = await import('./compare')
  const source = await classifyWithSource(picture)
  const differences = source.probabilities.map((value, digit) =>
    Math.abs(value - (probabilities[digit] ?? 0)),
  )
  const size = `${(source.bytes / 1e3).toFixed(1)} kB`
  say(
    `The source model, ${size}, differs by ${(100 * Math.max(...differences)).toFixed(3)} % at most.`,
    'done',
  )
  return source
}

/** One look at a time; of several asked for meanwhile, only the last is taken. */
let looking = false
let again = false
async function look(): Promise<void> {
  again = looking
  if (looking) return
  looking = true
  try {
    do {
      again = false
      await classify()
    } while (again)
  } catch (error) {
    fail(error)
  } finally {
    looking = false
  }
}

function fail(error: unknown): void {
  console.error(error)
  say(error instanceof Error ? error.message : String(error), 'failed')
  Object.assign(globalThis, { __error: String(error) })
}

onDraw(look)
for (const input of [light, noise]) input.addEventListener('input', look)
byId('clear', HTMLButtonElement).addEventListener('click', () => {
  clear()
  showBars(undefined)
  say('Draw a digit.')
})
byId('compare', HTMLButtonElement).addEventListener('click', () => compare().catch(fail))
for (const [digit, path] of Object.entries(samples)) {
  const button = element('button', { type: 'button', 'aria-label': `Draw a ${digit}` }, digit)
  button.addEventListener('click', () => {
    drawPath(path)
    void look()
  })
  byId('samples', HTMLSpanElement).append(button)
}

/** A sample runs by itself. What it gave is left in `__result`, for scripts that watch over the page. */
async function start(): Promise<void> {
  showBars(undefined)
  drawPath(samples[parameters.get('sample') ?? '3'] ?? '')
  const { digit, probabilities, load, run, model } = await classify()
  const source = parameters.has('source') ? await compare() : undefined
  Object.assign(globalThis, {
    __result: { digit, probabilities, model, milliseconds: { load, run }, ...(source && { source }) },
  })
}

start().catch(fail)
