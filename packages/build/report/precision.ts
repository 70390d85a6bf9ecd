/** One colour for each width of element, the same in every chart. */

export interface Precision {
  readonly bits: number
  readonly label: string
  /** A custom property of the style sheet. */
  readonly color: string
}

const of = (bits: number, label: string): Precision => ({ bits, label, color: `var(--bits-${bits})` })

/** From the widest to the narrowest. */
export const precisions: readonly Precision[] = [
  of(64, '64 bits'),
  of(32, '32 bits'),
  of(16, '16 bits'),
  of(8, '8 bits'),
  of(4, '4 bits'),
  of(2, '2 bits'),
  { bits: 0, label: 'graph and small constants', color: 'var(--bits-0)' },
]

const rest = precisions[precisions.length - 1] as Precision

export function precisionOf(dataType: string): Precision {
  const digits = /(\d+)/.exec(dataType)?.[1]
  const bits = dataType === 'bool' ? 8 : Number(digits ?? 0)
  return precisions.find((each) => each.bits === bits) ?? rest
}
