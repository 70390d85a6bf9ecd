import { h, name } from '@report/dom'
import * as format from '@report/format'
import type { Outcome as Shown } from '@report/outcome'
import type { ReportData } from '@unplugin-onnx/build/browser'

/** One result: how small, how exact, how fast, and the file. */
export function card(
  { manifest }: ReportData,
  { variant, targets, chosen, missed }: Shown,
  unmeasured: boolean,
  onShow: () => void,
  onSave: () => void,
): HTMLElement {
  const { source } = manifest
  const { accuracy, requires } = variant
  const latency = variant.latency ?? chosen?.latency
  const share = source.bytes === 0 ? 1 : variant.bytes / source.bytes
  const label = targets.join(', ')
  return h(
    'article',
    { class: 'card result', attributes: { 'aria-label': label } },
    h(
      'div',
      { class: 'card-head' },
      h(
        'span',
        { class: 'targets' },
        targets.map((target, index) => [index > 0 && ', ', name(target)]),
        requires && h('em', {}, ` with ${requires.join(', ')}`),
      ),
      h('span', { class: 'recipe' }, name(variant.recipe)),
    ),
    h(
      'div',
      { class: 'card-size' },
      h('b', {}, format.bytes(variant.bytes)),
      h(
        'span',
        {},
        share <= 1 ? `${format.percent(1 - share)} smaller` : `${format.percent(share - 1)} larger`,
      ),
    ),
    h(
      'div',
      { class: 'track', attributes: { 'aria-hidden': 'true' } },
      h('span', { class: 'fill', style: { width: `${Math.min(100, Math.max(0.5, share * 100))}%` } }),
    ),
    h(
      'div',
      { class: 'facts' },
      !unmeasured && [
        fact('SQNR', format.decibels(accuracy.sqnr)),
        fact('cosine', format.cosine(accuracy.cosine)),
        fact('largest error', format.short(accuracy.maxError)),
        accuracy.top1 !== undefined && fact('top-1', format.percent(accuracy.top1, 1)),
      ],
      latency !== undefined &&
        fact(
          'a run',
          `${format.milliseconds(latency.milliseconds)}, ${format.times(latency.ratio)} the source's`,
        ),
    ),
    chosen !== undefined &&
      h(
        'p',
        { class: 'reason' },
        missed && h('strong', { class: 'missed' }, 'Missed the budget. '),
        name(chosen.reason, 'text'),
      ),
    variant.session !== undefined &&
      h(
        'p',
        { class: 'note session' },
        'Measured with the session options that the runtime opens it with, ',
        h('code', {}, JSON.stringify(variant.session)),
        ': give them to onnxruntime where you open the file yourself.',
      ),
    h(
      'div',
      { class: 'actions' },
      h(
        'button',
        {
          class: 'button primary',
          attributes: { type: 'button', 'data-sha256': variant.sha256, 'data-targets': label },
          on: { click: onSave },
        },
        'Download',
        h('span', { class: 'hidden' }, ` the result for ${label}`),
      ),
      h(
        'button',
        {
          class: 'button show',
          attributes: { type: 'button', 'aria-pressed': 'false' },
          on: { click: onShow },
        },
        'Details',
        h('span', { class: 'hidden' }, ` of the result for ${label}`),
      ),
    ),
  )
}

const fact = (label: string, value: string): HTMLElement =>
  h(
    'span',
    { class: 'fact' },
    h('span', { class: 'fact-label' }, label),
    h('span', { class: 'fact-value' }, value),
  )
