import { h, name } from '@report/dom'
import type { Registry } from '@unplugin-onnx/build/browser'
import type { Choices } from '../choices'
import { checkbox, field, select } from './fields'

const efforts: Readonly<Record<Choices['effort'], string>> = {
  fast: 'fast: seconds',
  default: 'default: a minute or more',
  thorough: 'thorough: many minutes',
}

const preferences: Readonly<Record<Choices['prefer'], string>> = {
  balanced: 'small, and not slower',
  size: 'the smallest',
  speed: 'the fastest',
}

/** What a build is asked for. */
export function targetForm(
  { targets, budgets, efforts: known, preferences: preferred }: Registry,
  initial: Choices,
  onChange: (choices: Choices) => void,
): HTMLElement {
  let choices = initial
  const change = (changed: Partial<Choices>) => {
    choices = { ...choices, ...changed }
    onChange(choices)
  }
  const toggle = (target: string, wanted: boolean) => {
    const chosen = new Set(choices.targets)
    if (wanted) chosen.add(target)
    else chosen.delete(target)
    change({ targets: targets.map((each) => each.name).filter((each) => chosen.has(each)) })
  }
  const elsewhere = targets.filter(({ engine }) => engine !== 'wasm')
  return h(
    'div',
    { class: 'form' },
    h(
      'fieldset',
      { class: 'targets-field' },
      h('legend', {}, 'Targets'),
      targets
        .filter(({ engine }) => engine === 'wasm')
        .map((target) =>
          checkbox(name(target.name), choices.targets.includes(target.name), (wanted) =>
            toggle(target.name, wanted),
          ),
        ),
      elsewhere.map((target) => checkbox(name(target.name), false, () => undefined, { disabled: true })),
      elsewhere.length > 0 &&
        h(
          'p',
          { class: 'note' },
          elsewhere.map((target, index) => [index > 0 && ' and ', name(target.name)]),
          ' are verified in onnxruntime-node, which no page has: use the command line.',
        ),
    ),
    field(
      'Accuracy',
      select(
        Object.keys(budgets) as Choices['accuracy'][],
        choices.accuracy,
        (accuracy) => change({ accuracy }),
        (preset) => `${preset}: ${budgets[preset].sqnr} dB or more`,
      ),
    ),
    field(
      'Prefer',
      select(
        preferred,
        choices.prefer,
        (prefer) => change({ prefer }),
        (each) => preferences[each],
      ),
    ),
    field(
      'Effort',
      select(
        known,
        choices.effort,
        (effort) => change({ effort }),
        (each) => efforts[each],
      ),
    ),
  )
}
