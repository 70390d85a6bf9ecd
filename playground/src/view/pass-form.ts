import { type Child, h, name } from '@report/dom'
import type { ListedOption, ListedPass, Registry } from '@unplugin-onnx/build/browser'
import type { Step } from '@unplugin-onnx/core'
import { checkbox, field, select } from './fields'

const own = '(passes of your own)'

/** Passes in an order of one's own, each with all of its options. */
export function passForm(
  { passes, recipes }: Registry,
  initial: readonly Step[],
  onChange: (steps: readonly Step[]) => void,
): HTMLElement {
  let steps: readonly Step[] = initial
  const list = h('ol', { class: 'passes' })
  const adding = select(
    passes.map((pass) => pass.name),
    passes[0]?.name ?? '',
    () => undefined,
  )
  const set = (next: readonly Step[], redraw = true) => {
    steps = next
    onChange(steps)
    if (redraw) draw()
  }
  const draw = () => {
    list.replaceChildren(
      ...steps.map((step, index) => {
        const pass = passes.find((each) => each.name === step.pass)
        return h('li', {}, pass === undefined ? step.pass : entry(pass, step, index))
      }),
    )
  }
  const entry = (pass: ListedPass, step: Step, index: number): Child => {
    const move = (by: number) => {
      const next = [...steps]
      next.splice(index, 1)
      next.splice(index + by, 0, step)
      set(next)
      list.children[index + by]?.querySelector('button')?.focus()
    }
    const button = (label: string, text: string, disabled: boolean, action: () => void) =>
      h(
        'button',
        {
          class: 'small',
          attributes: { type: 'button', 'aria-label': label, disabled: disabled ? '' : undefined },
          on: { click: action },
        },
        text,
      )
    return [
      h(
        'div',
        { class: 'pass-head' },
        h('b', {}, name(pass.name)),
        h(
          'span',
          { class: 'pass-buttons' },
          button(`Move ${pass.name} up`, '↑', index === 0, () => move(-1)),
          button(`Move ${pass.name} down`, '↓', index === steps.length - 1, () => move(1)),
          button(`Remove ${pass.name}`, '×', false, () => {
            set(steps.filter((_, at) => at !== index))
            adding.focus()
          }),
        ),
      ),
      h(
        'p',
        { class: 'note' },
        pass.summary,
        pass.needsCalibration && ' Needs inputs: without a file of them it leaves the model as it is.',
      ),
      pass.options.length > 0 &&
        h(
          'details',
          {},
          h('summary', {}, summaryOf(step)),
          h(
            'div',
            { class: 'form' },
            pass.options.map((option) =>
              optionField(option, step.options?.[option.name], (value) => {
                const { [option.name]: _, ...others } = steps[index]?.options ?? {}
                const options = value === undefined ? others : { ...others, [option.name]: value }
                set(
                  steps.map((each, at) => (at === index ? { pass: each.pass, options } : each)),
                  false,
                )
                const summary = list.children[index]?.querySelector('summary')
                if (summary) summary.textContent = summaryOf({ pass: pass.name, options })
              }),
            ),
          ),
        ),
    ]
  }
  draw()
  return h(
    'div',
    { class: 'pass-form' },
    field(
      'Start from a recipe',
      select([own, ...recipes.map(([recipe]) => recipe)], own, (recipe) =>
        set(recipes.find(([each]) => each === recipe)?.[1] ?? []),
      ),
    ),
    list,
    h(
      'div',
      { class: 'add-pass' },
      field('Another pass', adding),
      h(
        'button',
        {
          class: 'button',
          attributes: { type: 'button' },
          on: {
            click: () => {
              const pass = passes[adding.selectedIndex]
              if (pass !== undefined) set([...steps, { pass: pass.name }])
            },
          },
        },
        'Add',
      ),
    ),
  )
}

const summaryOf = ({ options = {} }: Step): string => {
  const given = Object.entries(options)
  return given.length === 0
    ? 'Options: defaults'
    : given.map(([key, value]) => `${key} ${JSON.stringify(value)}`).join(', ')
}

/** A control of the option's kind; what is the default is left out. */
function optionField(
  { name: label, fallback, description, choices, expects }: ListedOption,
  given: unknown,
  onChange: (value: unknown) => void,
): HTMLElement {
  const current = given ?? fallback
  const note = expects === undefined ? description : `${description} (${expects})`
  const changed = (value: unknown) =>
    onChange(JSON.stringify(value) === JSON.stringify(fallback) ? undefined : value)
  if (choices !== undefined) {
    const texts = choices.map((choice) => JSON.stringify(choice))
    const control = select(texts, JSON.stringify(current), (text) => changed(JSON.parse(text)), plain)
    return field(label, control, note)
  }
  if (typeof fallback === 'boolean')
    return h(
      'div',
      { class: 'field' },
      checkbox(label, current === true, changed),
      h('p', { class: 'note' }, note),
    )
  const isNumber = typeof fallback === 'number'
  const isList = Array.isArray(fallback)
  const input = h('input', {
    attributes: {
      type: isNumber ? 'number' : 'text',
      step: isNumber ? 'any' : undefined,
      placeholder: isList ? 'names, separated by commas' : undefined,
      spellcheck: 'false',
      autocomplete: 'off',
    },
    on: {
      input: () => {
        const { value } = input
        if (isNumber) changed(value === '' ? fallback : Number(value))
        else if (isList)
          changed(
            value
              .split(',')
              .map((part) => part.trim())
              .filter(Boolean),
          )
        else changed(value)
      },
    },
  })
  input.value = Array.isArray(current) ? current.join(', ') : String(current)
  return field(label, input, note)
}

/** Words without their quotes. */
const plain = (json: string): string => json.replace(/^"|"$/g, '')
