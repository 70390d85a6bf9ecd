import { type Bundler, type Mode, modes, reasonAgainst, type Target, targets } from './cases'

export type Outcome = 'passed' | 'failed'
export type Outcomes = ReadonlyMap<string, Outcome>
export const cellKey = (bundler: string, mode: Mode, target: Target): string => `${bundler} ${mode} ${target}`

/** The matrix as text: one row for each mode and target, one column for each bundler, and notes for what can't be. */
export function matrixTable(bundlers: Readonly<Record<string, Bundler>>, outcomes: Outcomes): string {
  const notes: string[] = []
  const noteOf = (reason: string): string => {
    if (!notes.includes(reason)) notes.push(reason)
    return `(${notes.indexOf(reason) + 1})`
  }
  const cell = (name: string, bundler: Bundler, mode: Mode, target: Target): string => {
    const outcome = outcomes.get(cellKey(name, mode, target))
    if (outcome !== undefined) return outcome === 'passed' ? 'yes' : 'FAILED'
    const reason = reasonAgainst(bundler, mode, target)
    return reason === undefined ? 'not run' : noteOf(reason)
  }
  const rows = [
    ['mode', 'target', ...Object.keys(bundlers)],
    ...(Object.keys(modes) as Mode[]).flatMap((mode) =>
      targets.map((target, index) => [
        index === 0 ? modes[mode] : '',
        target,
        ...Object.entries(bundlers).map(([name, bundler]) => cell(name, bundler, mode, target)),
      ]),
    ),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
  return [...lines, '', ...notes.map((reason, index) => `(${index + 1}) ${reason}`), ''].join('\n')
}
