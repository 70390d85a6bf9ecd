import { type Child, h, name, segments } from '@report/dom'
import type { ProgressEvent, Registry } from '@unplugin-onnx/build/browser'
import type { Step } from '@unplugin-onnx/core'
import type { Choices } from '../choices'
import { passForm } from './pass-form'
import { picker } from './picker'
import { targetForm } from './target-form'

/** What is to be made: variants for targets, or what these passes make. */
export type Order =
  | { readonly by: 'targets'; readonly choices: Choices }
  | { readonly by: 'passes'; readonly steps: readonly Step[] }

export interface ConvertPanel {
  readonly element: HTMLElement
  /** Inputs to verify on; none: they are made up. */
  setInputs(file: File | undefined): void
  /** How far it is; undefined: nothing is under way. */
  setProgress(event: ProgressEvent | 'starting' | undefined): void
  /** Whether there is an engine to convert with. */
  setReady(ready: boolean): void
}

const initial: Choices = {
  targets: ['webgpu', 'wasm'],
  accuracy: 'balanced',
  prefer: 'balanced',
  effort: 'fast',
}

export function convertPanel(
  registry: Registry,
  {
    onConvert,
    onCancel,
    onInputs,
  }: {
    readonly onConvert: (order: Order) => void
    readonly onCancel: () => void
    readonly onInputs: (file: File | undefined) => void
  },
): ConvertPanel {
  let choices = initial
  let steps: readonly Step[] = [{ pass: 'quantize-weights' }]
  let by: Order['by'] = 'targets'
  let busy = false
  let ready = false

  const button = h('button', { class: 'button primary', attributes: { type: 'submit' } }, 'Convert')
  const cancel = h(
    'button',
    { class: 'button', attributes: { type: 'button' }, on: { click: onCancel } },
    'Cancel',
  )
  const bar = h('progress', { attributes: { 'aria-label': 'Conversion' } })
  const text = h('span', { class: 'progress-text', attributes: { role: 'status' } })
  const update = () => {
    const empty = by === 'targets' ? choices.targets.length === 0 : steps.length === 0
    button.disabled = busy || !ready || empty
    cancel.hidden = !busy
    bar.hidden = !busy
    if (busy) return
    text.textContent = !ready
      ? 'Waiting for onnxruntime…'
      : !empty
        ? ''
        : by === 'targets'
          ? 'Choose a target.'
          : 'Add a pass.'
  }

  const targets = targetForm(registry, choices, (changed) => {
    choices = changed
    update()
  })
  const passes = passForm(registry, steps, (changed) => {
    steps = changed
    update()
  })
  const forms = { targets, passes }
  const holder = h('div', { class: 'form-holder' }, targets)
  const notes: Readonly<Record<Order['by'], Child>> = {
    targets:
      "The planner of a build makes each candidate recipe, runs it beside the source, and keeps the smallest within the accuracy. Here it begins with fast effort, as effort: 'fast' does in a build; a build by itself also searches for a mix of precisions, and tries what has to be calibrated if there is data. Everything is verified in WebAssembly.",
    passes: 'Every pass of the registry, in your order, as unplugin-onnx transform applies them.',
  }
  const note = h('p', { class: 'note' }, notes.targets)
  const inputs = h('div', { class: 'inputs' })
  const setInputs = (file: File | undefined) => {
    const choose = picker(file === undefined ? 'Use my own' : 'Another file', ([first]) => onInputs(first), {
      className: 'small',
      accept: '.npz,.npy',
    })
    inputs.replaceChildren(
      h('b', {}, 'Inputs'),
      h(
        'span',
        {},
        file === undefined ? 'made up from the signature, the same every time' : ['from ', name(file.name)],
      ),
      choose,
      ...(file === undefined
        ? []
        : [
            h(
              'button',
              {
                class: 'small',
                attributes: { type: 'button' },
                on: { click: () => onInputs(undefined) },
              },
              'Make them up',
            ),
          ]),
    )
  }
  setInputs(undefined)
  const element = h(
    'form',
    {
      class: 'convert box',
      attributes: { 'aria-label': 'Convert' },
      on: {
        submit: (event) => {
          event.preventDefault()
          if (!button.disabled) onConvert(by === 'targets' ? { by, choices } : { by, steps })
        },
      },
    },
    h(
      'div',
      { class: 'section-head' },
      h('h2', {}, 'Convert'),
      segments<Order['by']>(
        'Convert',
        [
          { value: 'targets', label: 'For targets' },
          { value: 'passes', label: 'With passes' },
        ],
        by,
        (value) => {
          by = value
          holder.replaceChildren(forms[value])
          note.replaceChildren(...h('p', {}, notes[value]).childNodes)
          update()
        },
      ),
    ),
    note,
    holder,
    inputs,
    h('div', { class: 'run' }, button, cancel, bar, text),
  )
  update()
  return {
    element,
    setInputs,
    setProgress(event) {
      busy = event !== undefined
      update()
      if (event === undefined) return
      if (event === 'starting') text.textContent = 'Starting…'
      else text.replaceChildren(name(event.text, 'text'))
      const step = event === 'starting' ? undefined : event.step
      if (step === undefined || step.total === 0) bar.removeAttribute('value')
      else bar.value = step.done / step.total
    },
    setReady(now) {
      ready = now
      update()
    },
  }
}
