import { type Child, h, name } from '@report/dom'
import type { Problem } from '../answer'

/** What went wrong, and what to do about it. */
export const problemView = ({ code, message, cure, model }: Problem, more?: Child): HTMLElement =>
  h(
    'section',
    { class: 'problem', attributes: { role: 'alert' } },
    h('h2', {}, model !== undefined && [name(model), ' '], h('code', {}, name(code))),
    h('p', {}, name(message, 'text'), '.'),
    h('p', { class: 'cure' }, name(cure, 'text')),
    more,
  )
