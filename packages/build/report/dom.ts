/**
 * Elements, made without ever parsing HTML: names of models and nodes are somebody else's text. What is a string here
 * becomes a text node.
 */
import { printable } from '../src/printable'

export type Child = Node | string | undefined | false | readonly Child[]

export interface Properties {
  readonly class?: string | undefined
  readonly title?: string | undefined
  readonly id?: string | undefined
  /** Attributes, by name; undefined ones are left out. */
  readonly attributes?: Readonly<Record<string, string | number | undefined>>
  readonly style?: Readonly<Record<string, string | number>>
  readonly on?: Readonly<Record<string, (event: Event) => void>>
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  apply(element, properties)
  append(element, children)
  return element
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  apply(element, properties)
  append(element, children)
  return element
}

function apply(element: HTMLElement | SVGElement, properties: Properties): void {
  if (properties.class !== undefined) element.setAttribute('class', properties.class)
  if (properties.id !== undefined) element.id = properties.id
  if (properties.title !== undefined) element.setAttribute('title', properties.title)
  for (const [name, value] of Object.entries(properties.attributes ?? {}))
    if (value !== undefined) element.setAttribute(name, String(value))
  for (const [name, value] of Object.entries(properties.style ?? {}))
    element.style.setProperty(name, String(value))
  for (const [name, listener] of Object.entries(properties.on ?? {})) element.addEventListener(name, listener)
}

function append(element: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === undefined || child === false) continue
    if (typeof child === 'string' || child instanceof Node) element.append(child)
    else append(element, child)
  }
}

/** A name from the model: isolated from the text around it, and with nothing in it that can't be seen. */
export const name = (text: string, className = 'name'): HTMLElement =>
  h(
    'bdi',
    { class: className },
    // Long names may break where their words end.
    printable(text)
      .split(/(?<=[_./:-])(?=[^\s_./:-])/)
      .flatMap((part, index): Child[] => (index === 0 ? [part] : [h('wbr'), part])),
  )

/** Draws into an element again whenever it gets another width. */
export function responsive(className: string, draw: (width: number) => Child): HTMLElement {
  const holder = h('div', { class: className })
  let drawn = 0
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry?.contentRect.width ?? 0)
    if (width === 0 || width === drawn) return
    drawn = width
    const focused = document.activeElement
    const place =
      focused !== null && holder.contains(focused) ? focused.getAttribute('data-place') : undefined
    const next = h('div', {}, draw(width))
    holder.replaceChildren(...next.childNodes)
    if (typeof place === 'string')
      holder.querySelector<HTMLElement>(`[data-place="${CSS.escape(place)}"]`)?.focus()
  }).observe(holder)
  return holder
}

export interface Choice<T> {
  readonly value: T
  readonly label: string
}

/** Buttons of which one is pressed. */
export function segments<T>(
  label: string,
  choices: readonly Choice<T>[],
  initial: T,
  onChoose: (value: T) => void,
): HTMLElement {
  const buttons = choices.map((choice) =>
    h(
      'button',
      {
        attributes: { type: 'button', 'aria-pressed': String(choice.value === initial) },
        on: {
          click: () => {
            for (const [index, button] of buttons.entries())
              button.setAttribute('aria-pressed', String(choices[index] === choice))
            onChoose(choice.value)
          },
        },
      },
      choice.label,
    ),
  )
  return h('div', { class: 'segments', attributes: { role: 'group', 'aria-label': label } }, buttons)
}

/**
 * Makes a group of marks one stop of the Tab key, with the arrow keys going from mark to mark.
 * @param next the mark in a direction; undefined: the next or the one before
 */
export function roving(
  marks: readonly (HTMLElement | SVGElement)[],
  next?: (from: number, key: string) => number | undefined,
): void {
  for (const [index, mark] of marks.entries()) {
    mark.setAttribute('tabindex', index === 0 ? '0' : '-1')
    mark.addEventListener('focus', () => {
      for (const other of marks) other.setAttribute('tabindex', other === mark ? '0' : '-1')
    })
    mark.addEventListener('keydown', (event) => {
      const { key } = event as KeyboardEvent
      const to = next?.(index, key) ?? step(index, key, marks.length)
      const target = to === undefined ? undefined : marks[to]
      if (target === undefined) return
      event.preventDefault()
      target.focus()
    })
  }
}

function step(index: number, key: string, count: number): number | undefined {
  if (key === 'ArrowRight' || key === 'ArrowDown') return Math.min(count - 1, index + 1)
  if (key === 'ArrowLeft' || key === 'ArrowUp') return Math.max(0, index - 1)
  if (key === 'Home') return 0
  if (key === 'End') return count - 1
  return undefined
}

/** Enter and Space do what a click does, as on a button. */
export function activates(mark: HTMLElement | SVGElement, action: () => void): void {
  mark.addEventListener('click', action)
  mark.addEventListener('keydown', (event) => {
    const { key } = event as KeyboardEvent
    if (key !== 'Enter' && key !== ' ') return
    event.preventDefault()
    action()
  })
}
