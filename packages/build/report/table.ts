import { type Child, h } from './dom'

export interface Column<T> {
  readonly label: string
  readonly cell: (row: T) => Child
  /** Right-aligned, with digits under digits. */
  readonly number?: true
  readonly className?: string
}

/** A plain table, of rows that need no explanation but their heads. */
export function table<T>(
  caption: string,
  columns: readonly Column<T>[],
  rows: readonly T[],
  rowClass: (row: T) => string | undefined = () => undefined,
): HTMLElement {
  const classOf = ({ number, className }: Column<T>) =>
    [number && 'number', className].filter(Boolean).join(' ') || undefined
  return h(
    'div',
    { class: 'scroll', attributes: { tabindex: 0, role: 'region', 'aria-label': caption } },
    h(
      'table',
      {},
      h('caption', { class: 'hidden' }, caption),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          columns.map((column) =>
            h('th', { class: classOf(column), attributes: { scope: 'col' } }, column.label),
          ),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((row) =>
          h(
            'tr',
            { class: rowClass(row) },
            columns.map((column) => h('td', { class: classOf(column) }, column.cell(row))),
          ),
        ),
      ),
    ),
  )
}

/** The same as a chart, for who reads rather than looks. */
export function asTable<T>(caption: string, columns: readonly Column<T>[], rows: readonly T[]): HTMLElement {
  const holder = h('details', { class: 'as-table' }, h('summary', {}, 'As a table'))
  // Made when it is wanted: a report of many layers has thousands of cells.
  holder.addEventListener(
    'toggle',
    () => {
      if (holder.open) holder.append(table(caption, columns, rows))
    },
    { once: true },
  )
  return holder
}
