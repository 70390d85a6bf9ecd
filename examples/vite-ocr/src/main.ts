import './theme.css'
import './app.css'
import type { Provider } from 'unplugin-onnx/runtime'
import type { SourcePage } from './compare'
import { alphabet, type OpenedModels, openModels } from './models'
import type { Pixels } from './ocr/pixels'
import { type Page, read } from './ocr/read'
import { keepForOffline } from './offline'
import { type Sample, sampleNamed, samples } from './samples'
import { byId, element, milliseconds, percent } from './view/dom'
import { onPicture } from './view/intake'
import { drawLines, highlight, pixels, sheet, show, writeOn } from './view/picture'
import { listLines, say, showComparison, showRun } from './view/report'

const parameters = new URLSearchParams(location.search)
const providerOf = (value: string | null): Provider | undefined =>
  value === 'webgpu' || value === 'wasm' ? value : undefined

let models: Promise<OpenedModels> | undefined
let shown: { image: Pixels; page: Page; bytes: number } | undefined
/** One picture at a time; a new one waits for the one before it. */
let queue: Promise<unknown> = Promise.resolve()

const providerSelect = byId('provider', HTMLSelectElement)
const drawButton = byId('draw', HTMLButtonElement)
providerSelect.value = providerOf(parameters.get('provider')) ?? ''

function opened(): Promise<OpenedModels> {
  models ??= openModels(providerOf(providerSelect.value), (share) => say(`Loading models: ${percent(share)}`))
  models.catch(() => {
    models = undefined
  })
  return models
}

async function readImage(image: Pixels): Promise<void> {
  say('Loading models …')
  const { models, opened: variants, load } = await opened()
  say('Reading …')
  const page = await read(image, models, alphabet)
  shown = { image, page, bytes: variants().reduce((sum, { bytes }) => sum + bytes, 0) }
  drawLines(page.lines)
  listLines(page.lines, highlight)
  showRun(page, load, variants())
  byId('comparison', HTMLDivElement).replaceChildren()
  const count = page.lines.length
  const took = milliseconds(page.detect + page.recognize)
  say(
    count === 0
      ? `No text found, in ${took}.`
      : `Read ${count} ${count === 1 ? 'line' : 'lines'} in ${took}.`,
    'done',
  )
}

/** The source models' reading, and the variants' once more, now that they are warm. */
async function compare(): Promise<{ source: SourcePage; warm: Page } | undefined> {
  if (!shown) return undefined
  const { image, bytes } = shown
  say('Reading with the source models …')
  const { readWithSource } = await import('./compare')
  const source = await readWithSource(image)
  say('Reading with the variants …')
  const warm = await read(image, (await opened()).models, alphabet)
  showComparison({ ...warm, bytes }, source)
  const same =
    warm.lines.length === source.lines.length &&
    warm.lines.every(({ text }, index) => text === source.lines[index]?.text)
  say(
    same ? 'Source models and variants read the same.' : 'Source models and variants read differently.',
    'done',
  )
  return { source, warm }
}

function enqueue(work: () => Promise<unknown>): Promise<unknown> {
  queue = queue.then(work).catch((error: unknown) => {
    console.error(error)
    say(error instanceof Error ? error.message : String(error), 'failed')
  })
  return queue
}

async function readPicture(picture: Blob): Promise<void> {
  write(false)
  await readImage(show(await createImageBitmap(picture)))
}

function write(active: boolean): void {
  drawButton.setAttribute('aria-pressed', String(active))
  byId('pen', HTMLDivElement).hidden = !active
  document.querySelector('.picture')?.classList.toggle('writing', active)
  if (active) sheet(960, 480)
}

async function readSample({ url }: Sample): Promise<void> {
  await readPicture(await (await fetch(url)).blob())
}

onPicture((picture) => enqueue(() => readPicture(picture)))
writeOn(() => drawButton.getAttribute('aria-pressed') === 'true')
drawButton.addEventListener('click', () => write(drawButton.getAttribute('aria-pressed') !== 'true'))
byId('clear', HTMLButtonElement).addEventListener('click', () => write(true))
byId('read', HTMLButtonElement).addEventListener('click', () => enqueue(() => readImage(pixels())))
for (const sample of samples) {
  const button = element(
    'button',
    { type: 'button', 'aria-label': `The sample ${sample.name}` },
    element('img', { src: sample.url, alt: '' }),
  )
  button.addEventListener('click', () => enqueue(() => readSample(sample)))
  byId('samples', HTMLDivElement).append(button)
}
byId('compare', HTMLButtonElement).addEventListener('click', () => enqueue(compare))
byId('copy', HTMLButtonElement).addEventListener('click', () =>
  enqueue(async () => {
    await navigator.clipboard.writeText(shown?.page.lines.map(({ text }) => text).join('\n') ?? '')
    say('Copied.', 'done')
  }),
)
byId('veil', HTMLInputElement).addEventListener('input', ({ target }) => {
  if (target instanceof HTMLInputElement)
    byId('overlay', SVGSVGElement).style.setProperty('--veil', String(Number(target.value) / 100))
})
providerSelect.addEventListener('change', () =>
  enqueue(async () => {
    const before = models
    models = undefined
    await (await before)?.dispose()
    if (shown) await readImage(shown.image)
  }),
)

/** A sample runs by itself. What it gave is left in `__result`, for scripts that watch over the page. */
async function start(): Promise<void> {
  await readSample(sampleNamed(parameters.get('sample')))
  if (!shown) return
  const { page } = shown
  const { load, opened: variants } = await opened()
  const offline = await keepForOffline().catch(() => false)
  const compared = parameters.has('source') ? await compare() : undefined
  const report = ({ lines, detect, recognize }: Page) => ({
    lines: lines.map(({ text, confidence }) => ({ text, confidence })),
    milliseconds: { detect, recognize },
  })
  Object.assign(globalThis, {
    __result: {
      ...report(page),
      load,
      offline,
      models: variants(),
      ...(compared && {
        warm: report(compared.warm),
        source: { ...report(compared.source), load: compared.source.load, bytes: compared.source.bytes },
      }),
    },
  })
}

enqueue(() =>
  start().catch((error: unknown) => {
    Object.assign(globalThis, { __error: String(error) })
    throw error
  }),
)
