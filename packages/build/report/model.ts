import type { ReportData } from '../src/report/data'
import { candidatesSection } from './candidates'
import { type Child, h, name } from './dom'
import * as format from './format'
import { layersSection } from './layers'
import { type Outcome, outcomesOf } from './outcome'
import { sizesSection } from './sizes'
import { verificationSection } from './verification'

/** Everything about one model. */
export function modelView(report: ReportData): HTMLElement {
  const { manifest } = report
  const outcomes = outcomesOf(report)
  const details = h('div', { class: 'details' })
  const cards = h('div', { class: 'cards', attributes: { role: 'group', 'aria-label': 'Targets' } })
  const show = (chosen: Outcome) => {
    for (const [index, card] of [...cards.children].entries())
      card.setAttribute('aria-pressed', String(outcomes[index] === chosen))
    details.replaceChildren(
      sizesSection(report, chosen),
      candidatesSection(report, chosen),
      layersSection(report, chosen),
      verificationSection(report),
    )
  }
  cards.append(...outcomes.map((outcome) => card(report, outcome, () => show(outcome))))
  const [first] = outcomes
  if (first !== undefined) show(first)
  const { folder, base } = format.splitPath(manifest.source.file)
  return h(
    'article',
    { class: 'model' },
    h(
      'header',
      {},
      h('p', { class: 'folder' }, folder === '' ? 'Model' : name(folder)),
      h('h1', {}, name(base)),
      h('p', { class: 'lead' }, lead(report)),
    ),
    manifest.warnings.length > 0 &&
      h(
        'section',
        { class: 'warnings', attributes: { 'aria-label': 'Warnings' } },
        h('h2', {}, format.plural(manifest.warnings.length, 'warning')),
        h(
          'ul',
          {},
          manifest.warnings.map((warning) => h('li', {}, name(warning, 'text'))),
        ),
      ),
    cards,
    details,
  )
}

function lead({ manifest }: ReportData): Child {
  const { source, verifiedOn } = manifest
  const { samples } = verifiedOn
  const verified =
    samples === 0
      ? 'nothing could be verified'
      : verifiedOn.source === 'calibration'
        ? `verified on ${format.plural(samples, 'sample')} of calibration data`
        : `verified on ${format.plural(samples, 'input')} made up from its signature`
  return [
    h('b', {}, format.bytes(source.bytes)),
    `, ${format.bytes(source.brotliBytes)} as brotli, ${verified}.`,
  ]
}

/** A target: how large, how exact and how fast its variant is. Pressing it shows that variant below. */
function card(report: ReportData, outcome: Outcome, onPress: () => void): HTMLElement {
  const { source } = report.manifest
  const { variant, targets, chosen, missed } = outcome
  const { accuracy, task = chosen?.task } = variant
  // Times differ from run to run, so that some manifests leave them out.
  const { latency = chosen?.latency } = variant
  return h(
    'button',
    {
      class: 'card',
      attributes: { type: 'button', 'aria-pressed': 'false' },
      on: { click: onPress },
    },
    h(
      'span',
      { class: 'card-head' },
      h(
        'span',
        { class: 'targets' },
        targets.map((target, index) => [index > 0 && ', ', name(target)]),
        variant.requires && h('em', {}, ` with ${variant.requires.join(', ')}`),
      ),
      h('span', { class: 'recipe' }, name(variant.recipe)),
    ),
    h(
      'span',
      { class: 'card-size' },
      h('b', {}, format.bytes(variant.bytes)),
      h('span', {}, savings(variant.bytes, source.bytes)),
    ),
    bar('raw', variant.bytes, source.bytes, format.bytes(source.bytes)),
    bar('brotli', variant.brotliBytes, source.brotliBytes, format.bytes(source.brotliBytes)),
    h(
      'span',
      { class: 'facts' },
      fact(
        'SQNR',
        format.decibels(accuracy.sqnr),
        'signal to quantization noise at the outputs, at the worst',
      ),
      fact('cosine', format.cosine(accuracy.cosine), 'cosine similarity of the outputs, at the worst'),
      accuracy.top1 !== undefined &&
        fact('top-1', format.percent(accuracy.top1, 1), 'samples with the same best class'),
      latency &&
        fact(
          `${format.milliseconds(latency.milliseconds)} a run`,
          `${format.times(latency.ratio)} the source's time`,
          'measured by turns with the source',
        ),
      task &&
        fact(
          'score',
          format.short(task.variant),
          `of your task module; the source has ${format.short(task.source)}`,
        ),
      task && fact('source score', format.short(task.source), 'of your task module'),
    ),
    (chosen || missed) &&
      h(
        'span',
        { class: 'reason' },
        missed && h('strong', { class: 'missed' }, 'Missed the budget. '),
        chosen && name(chosen.reason, 'text'),
      ),
  )
}

const savings = (after: number, before: number): string =>
  before === 0
    ? ''
    : after <= before
      ? `${format.percent(1 - after / before)} smaller`
      : `${format.percent(after / before - 1)} larger`

function bar(label: string, after: number, before: number, beforeText: string): HTMLElement {
  const share = before === 0 ? 1 : after / before
  return h(
    'span',
    { class: 'bar' },
    h('span', { class: 'bar-label' }, label),
    h(
      'span',
      { class: 'track' },
      h('span', { class: 'fill', style: { width: `${Math.min(100, Math.max(0.5, share * 100))}%` } }),
    ),
    h('span', { class: 'bar-value' }, `${format.bytes(after)} of ${beforeText}`),
  )
}

const fact = (label: string, value: string, title: string): HTMLElement =>
  h(
    'span',
    { class: 'fact', title },
    h('span', { class: 'fact-label' }, label),
    h('span', { class: 'fact-value' }, value),
  )
