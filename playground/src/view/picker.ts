import { type Child, h } from '@report/dom'

/** A button that opens the system's dialog for files. */
export function picker(
  label: Child,
  onFiles: (files: readonly File[]) => void,
  { className = 'button', accept }: { readonly className?: string; readonly accept?: string } = {},
): HTMLElement {
  const input = h('input', {
    class: 'hidden',
    attributes: { type: 'file', multiple: '', accept, tabindex: -1 },
    on: {
      change: () => {
        const files = [...(input.files ?? [])]
        // The same file again is a choice as well.
        input.value = ''
        if (files.length > 0) onFiles(files)
      },
    },
  })
  const button = h(
    'button',
    { class: className, attributes: { type: 'button' }, on: { click: () => input.click() } },
    label,
  )
  return h('span', { class: 'picker' }, button, input)
}

/** Takes files that are dropped anywhere on the page. */
export function dropTarget(onFiles: (files: readonly File[]) => void): void {
  const root = document.documentElement
  let inside = 0
  const carries = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
  addEventListener('dragenter', (event) => {
    if (!carries(event)) return
    inside++
    root.classList.add('dragging')
  })
  addEventListener('dragleave', (event) => {
    if (carries(event) && --inside <= 0) root.classList.remove('dragging')
  })
  addEventListener('dragover', (event) => {
    if (carries(event)) event.preventDefault()
  })
  addEventListener('drop', (event) => {
    if (!carries(event)) return
    event.preventDefault()
    inside = 0
    root.classList.remove('dragging')
    const files = [...(event.dataTransfer?.files ?? [])]
    if (files.length > 0) onFiles(files)
  })
}
