import type { Variant } from '@unplugin-onnx/runtime'
import { printable } from '../printable'
import type { DecisionChange, Diff, Sides, Total, VariantChange } from './diff'

/** Layers that a decision lists, at most: the report has all. */
const listed = 5

/**
 * A diff as Markdown, for a pull request: a table of what changed, what each target comes to, and decisions with their
 * reasons. Names of models and layers stay text, whatever is in them.
 */
export function diffMarkdown(diff: Diff): string {
  const { variants, totals, decisions, same } = diff
  if (variants.length === 0)
    return `No variant of ${count(same.length, 'model')} changed.${sourcesText(diff)}\n`
  return `${[
    table(
      ['Model', 'Target', 'Size', 'Brotli', 'Recipe', 'Agreement', 'Score', 'Time'],
      joined([...variants.map(rowOf), ...totals.map(totalRow)]),
    ),
    ...(decisions.length === 0 ? [] : [decisionsText(decisions)]),
    ...(same.length === 0 ? [] : [`As before: ${same.map(code).join(', ')}.`]),
    'Size and Brotli are bytes; agreement is the signal-to-noise ratio with the source; time is that of one run beside the source in the same engine, measured on the machine that converted.',
  ].join('\n\n')}\n`
}

function sourcesText({ sources }: Diff): string {
  if (sources.length === 0) return ''
  const names = sources.map(({ model }) => code(model)).join(', ')
  return ` Other bytes, and the same variants: ${names}.`
}

/** Rows that say the same of several targets of a model are one. */
function joined(rows: readonly (readonly string[])[]): string[][] {
  const byContent = new Map<string, { targets: string[]; row: readonly string[] }>()
  for (const row of rows) {
    const [model, target = '', ...cells] = row
    const key = JSON.stringify([model, ...cells])
    const group = byContent.get(key) ?? { targets: [], row }
    group.targets.push(target)
    byContent.set(key, group)
  }
  return [...byContent.values()].map(({ targets, row: [model = '', , ...cells] }) => [
    model,
    targets.join(', '),
    ...cells,
  ])
}

function rowOf({ model, target, contents, base, head }: VariantChange): string[] {
  const sides = { ...(base && { base }), ...(head && { head }) }
  return [
    code(model),
    text(target),
    bytesChange(sides, (variant) => variant.bytes, contents),
    bytesChange(sides, (variant) => variant.brotliBytes, contents),
    change(sides, ({ recipe }) => text(recipe)),
    change(sides, ({ accuracy: { sqnr } }) => (sqnr >= 200 ? 'identical' : `${sqnr.toFixed(1)} dB`)),
    change(sides, ({ task }) => (task === undefined ? '' : String(Number(task.variant.toPrecision(5))))),
    change(sides, ({ latency }) => (latency === undefined ? '' : `${latency.ratio.toFixed(2)} ×`)),
  ]
}

function totalRow({ target, ...sides }: Diff['totals'][number]): string[] {
  return [
    '**all models**',
    text(target),
    bytesChange(sides, (total: Total) => total.bytes, true),
    bytesChange(sides, (total: Total) => total.brotliBytes, true),
    '',
    '',
    '',
    '',
  ]
}

/** `1,000 → 1,024 (+24, +2.4 %)` */
function bytesChange<T>({ base, head }: Sides<T>, of: (side: T) => number, other: boolean): string {
  if (base === undefined) return head === undefined ? '' : `${grouped(of(head))} (new)`
  if (head === undefined) return `${grouped(of(base))} → gone`
  const before = of(base)
  const after = of(head)
  if (before === after) return `${grouped(after)}${other ? ' (±0)' : ''}`
  const share = before === 0 ? '' : `, ${signed(((after - before) / before) * 100, 1)} %`
  return `${grouped(before)} → ${grouped(after)} (${signed(after - before, 0)}${share})`
}

function change(sides: Sides<Variant>, of: (variant: Variant) => string): string {
  const before = sides.base && of(sides.base)
  const after = sides.head && of(sides.head)
  if (before === undefined || before === '' || before === after || after === undefined)
    return after ?? before ?? ''
  return after === '' ? before : `${before} → ${after}`
}

function decisionsText(decisions: readonly DecisionChange[]): string {
  const groups = new Map<string, { decision: DecisionChange; targets: string[] }>()
  for (const decision of decisions) {
    const key = JSON.stringify({ ...decision, target: '' })
    const group = groups.get(key) ?? { decision, targets: [] }
    group.targets.push(text(decision.target))
    groups.set(key, group)
  }
  const items = [...groups.values()].map(({ decision, targets }) => {
    const { model, from = '', to = '', reason, instead, spared, freed } = decision
    const head = `${code(model)}, ${targets.join(', ')}: ${from === to ? code(to) : `${code(from)} → ${code(to)}`}`
    const reasons = [
      ...(from === to || reason === undefined ? [] : [text(reason)]),
      ...(instead === undefined ? [] : [`Not ${code(from)} again: ${text(instead)}`]),
      ...spared
        .slice(0, listed)
        .map((layer) => `${code(layer.node)} is left as it is now: ${text(layer.reason)}`),
      ...(spared.length > listed ? [`and ${spared.length - listed} more`] : []),
      ...freed.slice(0, listed).map((node) => `${code(node)} is no longer left as it is`),
      ...(freed.length > listed ? [`and ${freed.length - listed} more`] : []),
    ]
    return [`- ${head}`, ...reasons.map((each) => `  - ${each}`)].join('\n')
  })
  return ['**Decisions that changed**', items.join('\n')].join('\n\n')
}

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? '' : 's'}`

const grouped = (number: number): string => number.toLocaleString('en-US')

const signed = (number: number, digits: number): string => {
  const shown = Math.abs(number).toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
  return `${number < 0 ? '−' : '+'}${shown}`
}

/** A table in GitHub's Markdown. Cells are Markdown; a bar in one would end it, even in code. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const used = head.map((_, column) => column === 0 || rows.some((row) => (row[column] ?? '') !== ''))
  const line = (cells: readonly string[]) =>
    `| ${cells
      .filter((_, column) => used[column])
      .map((cell) => cell.replaceAll('|', '\\|'))
      .join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Text between backticks, more of them than it has in a row. */
export function code(text: string): string {
  const shown = printable(text)
  const longest = Math.max(0, ...[...shown.matchAll(/`+/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  const space = shown === '' || /^`|`$|^ .* $/.test(shown) ? ' ' : ''
  return `${fence}${space}${shown}${space}${fence}`
}

/** Text that no Markdown, HTML, mention or link comes of. */
export const text = (words: string): string =>
  printable(words)
    .replace(/[\\`*_[\]<>~|]|^[#+-]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('\\<', '&lt;')
    .replaceAll('@', '&#64;')
    .replaceAll('://', ':&#47;/')
