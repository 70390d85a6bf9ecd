import { type Child, h } from './dom'

export interface Column<T> {
  readonly label: string
  readonly cell: (row: T) => Child
  /** Right-aligned, with digits under digits. */
  readonly number?: true
  readonly className?: string
}

/** What a cell holds that there is nothing for. */
export const absent = '–'

/** A plain table, of rows that need no explanation but their heads. */
export function table<T>(
  caption: string,
  columns: readonly Column<T>[],
  rows: readonly T[],
  rowClass: (row: T) => string | undefined = () => undefined,
): HTMLElement {
  const classOf = ({ number, className }: Column<T>, more?: string) =>
    [number && 'number', className, more].filter(Boolean).join(' ') || undefined
  const cellOf = (column: Column<T>, row: T) => {
    const cell = column.cell(row)
    // The label is for narrow screens, where rows are no rows any more: see page.css.
    const attributes = { role: 'cell', 'data-label': column.label }
    return h('td', { class: classOf(column, cell === absent ? 'absent' : undefined), attributes }, cell)
  }
  return h(
    'div',
    { class: 'scroll', attributes: { tabindex: 0, role: 'region', 'aria-label': caption } },
    h(
      'table',
      { attributes: { role: 'table' } },
      h('caption', { class: 'hidden' }, caption),
      h(
        'thead',
        { attributes: { role: 'rowgroup' } },
        h(
          'tr',
          { attributes: { role: 'row' } },
          columns.map((column) =>
            h(
              'th',
              { class: classOf(column), attributes: { scope: 'col', role: 'columnheader' } },
              column.label,
            ),
          ),
        ),
      ),
      h(
        'tbody',
        { attributes: { role: 'rowgroup' } },
        rows.map((row) =>
          h(
            'tr',
            { class: rowClass(row), attributes: { role: 'row' } },
            columns.map((column) => cellOf(column, row)),
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
