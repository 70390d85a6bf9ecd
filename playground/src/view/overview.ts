import { type Child, h, name } from '@report/dom'
import * as format from '@report/format'
import { sourceSizesSection } from '@report/sizes'
import type { Overview, TargetFit } from '@unplugin-onnx/build/browser'

type Signature = Overview['inputs'][number]

/** Operators that are named before the rest is folded away. */
const shownOperators = 10

/** What a model holds. */
export function overviewView(overview: Overview): HTMLElement {
  return h(
    'div',
    { class: 'overview-of-model' },
    overview.warnings.length > 0 && warnings(overview.warnings),
    h(
      'div',
      { class: 'panels' },
      h(
        'section',
        { class: 'box' },
        h('h2', {}, 'Signature'),
        signature('Takes', overview.inputs),
        signature('Gives', overview.outputs),
      ),
      h('section', { class: 'box' }, h('h2', {}, 'Operators'), operators(overview)),
      h('section', { class: 'box' }, h('h2', {}, 'Runs on'), fits(overview)),
    ),
    sourceSizesSection(overview.bytes, overview.layers),
  )
}

/** One line under the model's name. */
export function facts(overview: Overview): Child {
  const { bytes, parameters, nodes, opsets, producer, irVersion, external } = overview
  const opset = opsets.map(([domain, version]) => `${domain === '' ? 'opset' : domain} ${version}`).join(', ')
  const parts: Child[] = [
    [
      h('b', {}, format.bytes(bytes)),
      external.length > 0 && ` with ${format.plural(external.length, 'external file')}`,
    ],
    `${compact(parameters)} parameters`,
    format.plural(nodes, 'node'),
    name(opset, 'text'),
    `IR ${irVersion}`,
    producer !== '' && ['by ', name(producer, 'text')],
  ]
  return parts.filter((part) => part !== false).map((part, index) => [index > 0 && ' · ', part])
}

const compact = (count: number): string =>
  new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 }).format(count)

const warnings = (lines: readonly string[]): HTMLElement =>
  h(
    'section',
    { class: 'warnings', attributes: { 'aria-label': 'Warnings' } },
    h('h2', {}, format.plural(lines.length, 'warning')),
    h(
      'ul',
      {},
      lines.map((line) => h('li', {}, name(line, 'text'))),
    ),
  )

const signature = (title: string, values: readonly Signature[]): HTMLElement =>
  h(
    'div',
    { class: 'signature' },
    h('h3', {}, title),
    values.length === 0
      ? h('p', { class: 'note' }, 'Nothing that JavaScript can pass.')
      : h(
          'ul',
          {},
          values.map((value) =>
            h(
              'li',
              {},
              name(value.name, 'name value'),
              h(
                'span',
                { class: 'type' },
                value.type,
                ' ',
                name(format.shape(value.dims), 'text'),
                value.optional === true && ', optional',
              ),
            ),
          ),
        ),
  )

function operators({ operators: all }: Overview): Child {
  const most = Math.max(1, ...all.map(([, count]) => count))
  const rows = (some: typeof all) =>
    h(
      'ul',
      { class: 'operators' },
      some.map(([operator, count]) =>
        h(
          'li',
          {},
          name(operator),
          h(
            'span',
            { class: 'track', attributes: { 'aria-hidden': 'true' } },
            h('span', { class: 'fill', style: { width: `${(100 * count) / most}%` } }),
          ),
          h('span', { class: 'count' }, count.toLocaleString('en')),
        ),
      ),
    )
  const rest = all.slice(shownOperators)
  return [
    rows(all.slice(0, shownOperators)),
    rest.length > 0 &&
      h('details', {}, h('summary', {}, `${format.plural(rest.length, 'operator')} more`), rows(rest)),
  ]
}

const said: Readonly<Record<TargetFit['unsupported'][number]['outcome'], string>> = {
  refused: 'refused',
  cpu: 'left to the CPU',
  wrong: 'computed wrongly',
}

function fits({ targets, nodes }: Overview): HTMLElement {
  return h(
    'ul',
    { class: 'fits' },
    targets.map((fit) => {
      const fine = fit.unsupportedCount === 0
      return h(
        'li',
        { class: fine ? 'fits-all' : 'fits-some' },
        h('span', { class: 'mark', attributes: { 'aria-hidden': 'true' } }, fine ? '✓' : '!'),
        h('b', {}, name(fit.name)),
        h(
          'span',
          { class: 'fit' },
          fine
            ? `all ${format.plural(nodes, 'node')}`
            : `all but ${format.plural(fit.unsupportedCount, 'node')} of ${nodes.toLocaleString('en')}`,
        ),
        !fine &&
          h(
            'details',
            {},
            h('summary', {}, 'Which'),
            h(
              'ul',
              {},
              fit.unsupported.map((each) =>
                h(
                  'li',
                  {},
                  name(each.node),
                  [' (', name(each.opType), `) ${said[each.outcome]}: `],
                  name(each.reason, 'text'),
                ),
              ),
              fit.unsupportedCount > fit.unsupported.length &&
                h('li', {}, `and ${fit.unsupportedCount - fit.unsupported.length} more`),
            ),
          ),
      )
    }),
  )
}
