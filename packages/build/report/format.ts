/** Numbers as people read them. */

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`
  if (count < 999_500) return `${(count / 1e3).toFixed(count < 9_950 ? 1 : 0)} kB`
  return count < 999.5e6
    ? `${(count / 1e6).toFixed(count < 99.5e6 ? 2 : 0)} MB`
    : `${(count / 1e9).toFixed(2)} GB`
}

/** For ticks: 2 MB, not 2.00 MB. */
export const roundBytes = (count: number): string =>
  bytes(count).replace(/(\.\d*?)0+(?= )/, (_, kept: string) => (kept === '.' ? '' : kept))

export const percent = (share: number, digits = 0): string => `${(share * 100).toFixed(digits)} %`

/** 200 dB stands for identical data. */
export const decibels = (sqnr: number): string =>
  sqnr >= 200 ? 'identical' : Number.isFinite(sqnr) ? `${sqnr.toFixed(1)} dB` : 'no agreement'

export const times = (ratio: number): string => `${ratio.toFixed(2)}×`

export function milliseconds(value: number): string {
  return value < 1 ? `${(value * 1000).toFixed(0)} µs` : `${value.toFixed(value < 10 ? 2 : 0)} ms`
}

/** Four digits, and an exponent where there would be many zeros. */
export function short(value: number): string {
  if (value === 0) return '0'
  const magnitude = Math.abs(value)
  return magnitude >= 1e-3 && magnitude < 1e5 ? String(Number(value.toPrecision(4))) : value.toExponential(2)
}

export const cosine = (value: number): string => (value === 1 ? '1' : value.toFixed(value > 0.999 ? 6 : 4))

export const plural = (count: number, noun: string): string =>
  `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`

export const shape = (dims: readonly (number | string | null)[] | undefined): string =>
  dims === undefined ? 'any shape' : `[${dims.map((dim) => dim ?? '?').join(', ')}]`

/** Last part of a path, and what comes before it. */
export function splitPath(path: string): { readonly folder: string; readonly base: string } {
  const at = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1
  return { folder: path.slice(0, at), base: path.slice(at) }
}
