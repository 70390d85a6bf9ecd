import { type Child, h } from '@report/dom'

/** A block of code, with a button that copies it. */
export function codeBlock(label: string, text: string): HTMLElement {
  const state = h('span', { class: 'hidden', attributes: { role: 'status' } })
  const button = h(
    'button',
    {
      class: 'small',
      attributes: { type: 'button', 'aria-label': `Copy ${label}` },
      on: {
        click: async () => {
          const copied = await navigator.clipboard.writeText(text).then(
            () => true,
            () => false,
          )
          button.textContent = copied ? 'Copied' : 'Not allowed'
          state.textContent = button.textContent
          setTimeout(() => {
            button.textContent = 'Copy'
          }, 2000)
        },
      },
    },
    'Copy',
  )
  return h(
    'div',
    { class: 'code-block' },
    h('div', { class: 'code-head' }, h('span', {}, label), button, state),
    h('pre', { attributes: { tabindex: 0, 'aria-label': label } }, h('code', {}, text)),
  )
}

export const snippetsSection = (note: Child, ...blocks: readonly HTMLElement[]): HTMLElement =>
  h(
    'section',
    { class: 'snippets' },
    h('h2', {}, 'The same in a build'),
    h('p', { class: 'note' }, note),
    h('div', { class: 'code-blocks' }, blocks),
  )
