import type { Candidate, Manifest, Variant } from '@unplugin-onnx/runtime'
import pc from 'picocolors'
import type { Conversion } from './converter'
import { printable } from './printable'

type Colors = ReturnType<typeof pc.createColors>

/** One line of the table; `cells` are aligned over all models. */
interface Row {
  readonly cells: readonly string[]
  readonly notes: readonly string[]
}

/**
 * A table for the terminal: for each model and target the size, raw and under brotli, the recipe, the agreement with the
 * source and why it was taken; below it, what smaller candidates were dropped for.
 */
export function formatSummary(
  conversions: readonly Conversion[],
  { color }: { readonly color: boolean },
): string {
  const colors = pc.createColors(color)
  const tables = conversions.map((conversion) => ({ conversion, rows: rowsOf(conversion.manifest) }))
  const widths: number[] = []
  for (const { cells } of tables.flatMap((table) => table.rows)) {
    for (const [column, cell] of cells.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  }
  return tables
    .map(({ conversion, rows }) =>
      [headOf(conversion, colors), ...rows.flatMap((row) => linesOf(row, widths, colors))].join('\n'),
    )
    .join('\n')
}

function headOf({ manifest, cached, fetched, seconds }: Conversion, colors: Colors): string {
  const { source, verifiedOn, warnings } = manifest
  const samples = `${verifiedOn.samples} ${verifiedOn.source} ${verifiedOn.samples === 1 ? 'sample' : 'samples'}`
  const facts = [
    `${size(source.bytes)}, brotli ${size(source.brotliBytes)}`,
    verifiedOn.samples === 0 ? 'not verified' : `verified on ${samples}`,
    cached
      ? `from the ${fetched ? 'remote cache' : 'cache'} in ${time(seconds)}`
      : `converted in ${time(seconds)}`,
  ]
  const head = `${colors.bold(printable(source.file))} ${colors.dim(facts.join(' · '))}`
  return [head, ...warnings.map((warning) => colors.yellow(`  ! ${printable(warning)}`))].join('\n')
}

function rowsOf(manifest: Manifest): Row[] {
  // Targets that share a file and a reason share a line.
  const groups = new Map<string, { targets: string[]; variant: Variant; candidates: readonly Candidate[] }>()
  for (const variant of manifest.variants) {
    const candidates = manifest.candidates.filter((each) => each.target === variant.target)
    const key = JSON.stringify([
      variant.file,
      variant.accuracy,
      candidates.map(({ recipe, reason }) => [recipe, reason]),
    ])
    const group = groups.get(key)
    if (group) group.targets.push(variant.target)
    else groups.set(key, { targets: [variant.target], variant, candidates })
  }
  return [...groups.values()].map(({ targets, variant, candidates }) =>
    rowOf(manifest, targets, variant, candidates),
  )
}

function rowOf(
  { source }: Manifest,
  targets: readonly string[],
  variant: Variant,
  candidates: readonly Candidate[],
): Row {
  const { recipe, bytes, brotliBytes, accuracy } = variant
  const chosen = candidates.find((candidate) => candidate.chosen)
  // What is larger than the choice was never in question.
  const dropped = candidates.filter(
    (candidate) => !candidate.chosen && (candidate.bytes < bytes || candidate.bytes === 0),
  )
  return {
    cells: [
      targets.map(printable).join(', '),
      printable(recipe),
      size(bytes),
      share(bytes, source.bytes),
      `brotli ${size(brotliBytes)}`,
      share(brotliBytes, source.brotliBytes),
      accuracy.sqnr >= 200 ? 'identical' : `${accuracy.sqnr.toFixed(1)} dB`,
      accuracy.top1 === undefined ? '' : `top-1 ${(accuracy.top1 * 100).toFixed(1)} %`,
    ],
    notes: [
      ...(chosen === undefined ? [] : [printable(chosen.reason)]),
      ...dropped.map(
        ({ recipe: name, bytes: length, reason }) =>
          `not ${printable(name)}${length > 0 ? ` (${size(length)})` : ''}: ${printable(reason)}`,
      ),
    ],
  }
}

/** Columns that hold numbers and line up on the right. */
const numeric = new Set([2, 3, 4, 5, 6])

function linesOf({ cells, notes }: Row, widths: readonly number[], colors: Colors): string[] {
  const padded = cells.map((cell, column) => {
    const width = widths[column] ?? 0
    const text = numeric.has(column) ? cell.padStart(width) : cell.padEnd(width)
    if (column === 0) return colors.cyan(text)
    return column === 1 ? colors.green(text) : text
  })
  return [`  ${padded.join('  ').trimEnd()}`, ...notes.map((note) => colors.dim(`      ${note}`))]
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 999_500
    ? `${(bytes / 1e3).toFixed(bytes < 10_000 ? 1 : 0)} kB`
    : `${(bytes / 1e6).toFixed(2)} MB`
}

const share = (part: number, whole: number): string =>
  whole === 0 ? '' : `${((part / whole) * 100).toFixed(0)} %`

const time = (seconds: number): string =>
  seconds < 1 ? `${(seconds * 1000).toFixed(0)} ms` : `${seconds.toFixed(1)} s`
