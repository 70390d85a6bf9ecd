import { h } from '@report/dom'
import { picker } from './picker'

/** The page before there is a model. */
export function welcome(onFiles: (files: readonly File[]) => void, onSample: () => void): HTMLElement {
  return h(
    'div',
    { class: 'welcome' },
    h('h1', {}, 'What is in your model, and how small can it be?'),
    h(
      'p',
      { class: 'lead' },
      'Drop an ONNX model. You see what it holds, convert it for the web with the code that unplugin-onnx runs in a build, and measure what that costs. All of it happens in this page: nothing is uploaded.',
    ),
    h(
      'div',
      { class: 'drop' },
      h('p', { class: 'drop-title' }, 'Drop an .onnx file here, with its external data if it has some'),
      h(
        'div',
        { class: 'actions' },
        picker('Choose a model', onFiles, { className: 'button primary' }),
        h(
          'button',
          { class: 'button', attributes: { type: 'button' }, on: { click: onSample } },
          'Try a sample',
        ),
      ),
      h('p', { class: 'note' }, 'The sample reads handwritten digits: 362 kB.'),
    ),
    h(
      'ul',
      { class: 'steps' },
      step('See', 'Signature, opset, operators, parameters, bytes by layer, and which providers can run it.'),
      step('Convert', 'For targets, as a build does, or pass by pass with every option there is.'),
      step(
        'Compare',
        'Source and result in onnxruntime-web: noise of each output, largest error, time of a run.',
      ),
      step('Keep', 'The file, and the configuration and command that make the same in a build.'),
    ),
  )
}

const step = (title: string, text: string): HTMLElement => h('li', {}, h('h2', {}, title), h('p', {}, text))
