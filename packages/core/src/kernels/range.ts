/** What 8 or 16 bits are to stand for: at most 0 and at least 0, so that 0 is exact. */
export interface Range {
  readonly low: number
  readonly high: number
}

export const withZero = (low: number, high: number): Range => ({
  low: Math.min(0, low),
  high: Math.max(0, high),
})
