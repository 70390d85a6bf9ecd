/** Columns that the model is fed, standardized to mean 0 and deviation 1 over its training data. */
export const features = ['age', 'sex', 'bmi', 'bp', 's1', 's2', 's3', 's4', 's5', 's6'] as const
const target = 'progress'

export interface Patients {
  /** Rows of ten features, one after the other. */
  readonly features: Float32Array
  /** The disease's progress within a year, for each row. */
  readonly progress: Float32Array
}

/**
 * Reads a table of comma-separated numbers with a line of column names.
 * @throws when a column is missing or a cell is no number, with its line
 */
export function readPatients(csv: string): Patients {
  const [head = '', ...lines] = csv.trim().split(/\r?\n/)
  const names = head.split(',')
  const columns = [...features, target].map((name) => {
    const column = names.indexOf(name)
    if (column < 0) throw new Error(`the table has no column '${name}'`)
    return column
  })
  const rows = lines.map((line, index) => {
    const cells = line.split(',')
    return columns.map((column) => {
      const value = Number(cells[column]?.trim() || Number.NaN)
      if (!Number.isFinite(value)) throw new Error(`line ${index + 2}, '${names[column]}': no number`)
      return value
    })
  })
  return {
    features: Float32Array.from(rows.flatMap((row) => row.slice(0, features.length))),
    progress: Float32Array.from(rows, (row) => row.at(-1) ?? Number.NaN),
  }
}
