/** The page: a model comes in, is looked into, converted and compared. */
import '@report/page.css'
import './playground.css'
import { h, name } from '@report/dom'
import { themeToggle } from '@report/theme'
import type { Overview, Registry } from '@unplugin-onnx/build/browser'
import { proxy } from 'comlink'
import type { Problem } from './answer'
import { cancelled, createHost, type Host } from './host'
import { keepForOffline } from './offline'
import digits from './sample/digits_cnn.onnx?url'
import { configText, convertCommand, transformCommand } from './snippets'
import { codeBlock, snippetsSection } from './view/code'
import { type ConvertPanel, convertPanel, type Order } from './view/convert'
import { outcomeView } from './view/outcome'
import { facts, overviewView } from './view/overview'
import { dropTarget, picker } from './view/picker'
import { problemView } from './view/problem'
import { welcome } from './view/welcome'

const isInputs = ({ name: file }: File): boolean => /\.np[yz]$/i.test(file)
const isModel = ({ name: file }: File): boolean => /\.onnx$/i.test(file)

const status = h('span', { class: 'state', attributes: { role: 'status' } })
const main = h('main', { class: 'single' })
const result = h('div', { class: 'result-holder' })

/** The page's state in an attribute, for style sheets and for who drives the page. */
const mark = (key: string, value: string) => {
  document.documentElement.dataset[key] = value
}

let registry: Promise<Registry> | undefined
let files: readonly File[] = []
let inputs: File | undefined
let panel: ConvertPanel | undefined
/** Counts what was asked for: an answer to what nobody waits for any more is passed over. */
let asked = 0
let engineReady = false

const sample = fetch(digits).then(async (response) => {
  if (!response.ok) throw new Error(`the sample is missing: ${response.status}`)
  return response.blob()
})
sample.catch(() => undefined)

const host = createHost(startEngine)

async function startEngine(own: Host): Promise<void> {
  engineReady = false
  panel?.setReady(false)
  status.textContent = 'Starting onnxruntime…'
  const answer = await own.ask((api) => api.start())
  if (!answer.ok) {
    if (answer.problem === cancelled) return
    status.textContent = 'onnxruntime did not start'
    mark('engine', 'failed')
    result.replaceChildren(problemView(answer.problem))
    return
  }
  engineReady = true
  panel?.setReady(true)
  const offline = await Promise.all([keepForOffline(), sample.catch(() => undefined)])
  status.textContent = `onnxruntime-web ${answer.value}${offline[0] ? ', works offline' : ''}`
  status.classList.add('alive')
  mark('engine', offline[0] ? 'offline' : 'ready')
}

function take(given: readonly File[]): void {
  const data = given.find(isInputs)
  const rest = given.filter((file) => !isInputs(file))
  if (data !== undefined) setInputs(data)
  if (rest.length === 0) return
  // What is no model goes with the one that is there, as its external data.
  if (files.length === 0 || rest.some(isModel)) void open(rest)
  else {
    const names = new Set(rest.map((file) => file.name))
    void open([...files.filter((file) => !names.has(file.name)), ...rest])
  }
}

function setInputs(file: File | undefined): void {
  inputs = file
  panel?.setInputs(file)
}

async function open(given: readonly File[]): Promise<void> {
  const turn = ++asked
  files = given
  mark('model', 'reading')
  const answer = await host.ask((api) => api.open(given))
  if (turn !== asked) return
  result.replaceChildren()
  if (!answer.ok) {
    panel = undefined
    mark('model', 'failed')
    main.replaceChildren(problemPage(answer.problem))
    return
  }
  registry ??= host
    .ask(async (api) => ({ ok: true, value: await api.registry() }))
    .then((known) => (known.ok ? known.value : Promise.reject(new Error(known.problem.message))))
  panel = convertPanel(await registry, {
    onConvert: (order) => void convert(order, answer.value),
    onCancel: () => host.restart(cancelled),
    onInputs: setInputs,
  })
  panel.setInputs(inputs)
  panel.setReady(engineReady)
  main.replaceChildren(modelPage(answer.value, panel))
  mark('model', 'open')
  main.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true })
  scrollTo({ top: 0 })
}

async function convert(order: Order, overview: Overview): Promise<void> {
  const turn = ++asked
  mark('conversion', 'running')
  panel?.setProgress('starting')
  const started = performance.now()
  const onProgress = proxy((event: Parameters<ConvertPanel['setProgress']>[0]) => {
    if (turn === asked) panel?.setProgress(event)
  })
  // A worker that was ended has forgotten the model.
  const read = await host.ask((api) => api.open(files))
  const answer = read.ok
    ? await host.ask((api) =>
        order.by === 'targets'
          ? api.convert(order.choices, inputs, onProgress)
          : api.transform(order.steps, inputs, onProgress),
      )
    : read
  if (turn !== asked) return
  // Steps that were told before the end may come after it.
  asked++
  panel?.setProgress(undefined)
  if (answer.ok) {
    const { name: model } = overview
    const candidate = async (recipe: string) => {
      const found = await host.ask((api) => api.candidate(recipe))
      return found.ok ? found.value : undefined
    }
    result.replaceChildren(outcomeView(answer.value, model, snippetsOf(order, model), candidate))
    mark('conversion', 'done')
    mark('seconds', ((performance.now() - started) / 1000).toFixed(2))
    const title = result.querySelector<HTMLElement>('.result-title')
    title?.focus({ preventScroll: true })
    title?.scrollIntoView({ block: 'start', behavior: 'instant' })
    return
  }
  mark('conversion', answer.problem === cancelled ? 'cancelled' : 'failed')
  if (answer.problem === cancelled) return
  result.replaceChildren(problemView(answer.problem))
  // An engine that failed for good takes its worker with it.
  if (/^ONNX_(ENGINE|PAGE)_FAILED$/.test(answer.problem.code)) host.restart(cancelled)
}

function snippetsOf(order: Order, model: string): HTMLElement {
  const data = inputs?.name
  if (order.by === 'passes')
    return snippetsSection(
      'It writes the same bytes, and a build that imports that file converts it further.',
      codeBlock('Command line', transformCommand(model, order.steps, data)),
    )
  return snippetsSection(
    order.choices.effort === 'fast'
      ? 'Leave effort out, and a build searches for a mix of precisions as well, which often is smaller.'
      : 'The same planner, with the same effort.',
    codeBlock('Configuration', configText(model, order.choices, data)),
    codeBlock('Command line', convertCommand(model, order.choices, data)),
  )
}

const modelPage = (overview: Overview, { element }: ConvertPanel): HTMLElement =>
  h(
    'article',
    { class: 'model' },
    h(
      'header',
      { class: 'model-head' },
      h(
        'div',
        {},
        h('h1', { attributes: { tabindex: -1 } }, name(overview.name)),
        h('p', { class: 'lead' }, facts(overview)),
      ),
      picker('Another model', take),
    ),
    overviewView(overview),
    element,
    result,
  )

const problemPage = (problem: Problem): HTMLElement =>
  h(
    'div',
    { class: 'welcome' },
    h('h1', { attributes: { tabindex: -1 } }, 'This model could not be read'),
    problemView(
      problem,
      h(
        'div',
        { class: 'actions' },
        problem.code === 'ONNX_EXTERNAL_DATA_MISSING' &&
          picker('Add its data files', take, { className: 'button primary' }),
        picker('Another model', (given) => {
          files = []
          take(given)
        }),
      ),
    ),
  )

async function openSample(): Promise<void> {
  try {
    await open([new File([await sample], 'digits_cnn.onnx')])
  } catch {
    status.textContent = 'The sample could not be loaded'
  }
}

document.body.prepend(
  h(
    'header',
    { class: 'top' },
    h('span', { class: 'brand' }, h('b', {}, 'unplugin-onnx'), ' playground'),
    h('span', { class: 'tools' }, status, themeToggle()),
  ),
  main,
  h('div', { class: 'drop-hint', attributes: { 'aria-hidden': 'true' } }, 'Drop it anywhere'),
)
main.append(welcome(take, () => void openSample()))
dropTarget(take)
mark('model', 'none')
