import { type Child, h } from '@report/dom'

let fields = 0

/** A control under its label, with a line of explanation. */
export function field(label: Child, control: HTMLElement, note?: Child): HTMLElement {
  fields++
  control.id = `field-${fields}`
  const noteId = `note-${fields}`
  if (note !== undefined) control.setAttribute('aria-describedby', noteId)
  return h(
    'div',
    { class: 'field' },
    h('label', { attributes: { for: control.id } }, label),
    control,
    note !== undefined && h('p', { class: 'note', id: noteId }, note),
  )
}

/** One of several values. */
export function select<T extends string>(
  values: readonly T[],
  initial: T,
  onChange: (value: T) => void,
  textOf: (value: T) => string = String,
): HTMLSelectElement {
  const element = h(
    'select',
    {
      on: {
        change: () => {
          const value = values[element.selectedIndex]
          if (value !== undefined) onChange(value)
        },
      },
    },
    values.map((value) => h('option', { attributes: { value } }, textOf(value))),
  )
  element.selectedIndex = values.indexOf(initial)
  return element
}

export function checkbox(
  label: Child,
  checked: boolean,
  onChange: (checked: boolean) => void,
  { disabled = false }: { readonly disabled?: boolean } = {},
): HTMLElement {
  const input = h('input', {
    attributes: { type: 'checkbox', disabled: disabled ? '' : undefined },
    on: { change: () => onChange(input.checked) },
  })
  input.checked = checked
  return h('label', { class: disabled ? 'check disabled' : 'check' }, input, h('span', {}, label))
}
