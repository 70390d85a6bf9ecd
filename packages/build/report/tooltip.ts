import { h } from './dom'

export type Lines = readonly (string | readonly [string, string])[]

const box = h('div', { class: 'tooltip', attributes: { role: 'status', 'aria-hidden': 'true' } })

/** Shows lines beside a mark that has the pointer or the focus: a title, then names with their values. */
export function explains(mark: HTMLElement | SVGElement, lines: () => Lines): void {
  const show = (event: Event) => {
    if (!box.isConnected) document.body.append(box)
    const [title, ...rest] = lines()
    box.replaceChildren(
      h('strong', {}, String(title)),
      h(
        'dl',
        {},
        rest.map((line) =>
          typeof line === 'string'
            ? h('dd', { class: 'wide' }, line)
            : [h('dt', {}, line[0]), h('dd', {}, line[1])],
        ),
      ),
    )
    box.classList.add('shown')
    place(mark, event instanceof PointerEvent ? event : undefined)
  }
  const hide = () => box.classList.remove('shown')
  mark.addEventListener('pointerenter', show)
  mark.addEventListener('pointermove', (event) => place(mark, event as PointerEvent))
  mark.addEventListener('focus', (event) => {
    // A click focuses too, and there the pointer has said where.
    if (mark.matches(':focus-visible')) show(event)
  })
  mark.addEventListener('pointerleave', hide)
  mark.addEventListener('blur', hide)
  mark.addEventListener('keydown', (event) => {
    if ((event as KeyboardEvent).key === 'Escape') hide()
  })
}

function place(mark: Element, pointer: PointerEvent | undefined): void {
  const around = mark.getBoundingClientRect()
  const x = pointer?.clientX ?? around.left + around.width / 2
  const y = pointer?.clientY ?? around.bottom - 8
  const { width, height } = box.getBoundingClientRect()
  const { clientWidth, clientHeight } = document.documentElement
  const left = Math.max(8, Math.min(clientWidth - width - 8, x + 14))
  const below = y + 18
  const top = below + height > clientHeight - 8 ? Math.max(8, y - height - 14) : below
  box.style.setProperty('left', `${left}px`)
  box.style.setProperty('top', `${top}px`)
}
