import type { Accuracy } from '@unplugin-onnx/runtime'

/** The least agreement with the source that a variant must reach, worst over all outputs and samples. */
export interface Budget {
  /** Signal-to-quantization-noise ratio in dB. */
  readonly sqnr: number
  /** Cosine similarity, -1 to 1. */
  readonly cosine: number
  /** Share of rows of class scores whose arg max stays the same, 0 to 1. */
  readonly top1: number
}

/**
 * Presets. 25 dB is a noise of 5.6 % of the signal's root mean square and, where noise and signal are independent, a cosine
 * of 0.9984; 40 dB is 1 % and 0.99995; 15 dB is 18 % and 0.984. Weights at 8 bits per channel reach 25 to 45 dB on most
 * trained models, so `balanced` takes them where they are harmless; `high` asks for what float16 weights give.
 */
export const budgets: Readonly<Record<'high' | 'balanced' | 'small', Budget>> = {
  high: { sqnr: 40, cosine: 0.9999, top1: 0.999 },
  balanced: { sqnr: 25, cosine: 0.998, top1: 0.97 },
  small: { sqnr: 15, cosine: 0.98, top1: 0.93 },
}

export type Verdict = { readonly within: true } | { readonly within: false; readonly reason: string }

/** Holds a measurement against a budget; a miss says by how much. What wasn't measured can't be missed. */
export function judge(accuracy: Accuracy, budget: Partial<Budget>): Verdict {
  const misses: string[] = []
  // 200 dB stands for no difference at all.
  if (budget.sqnr !== undefined && accuracy.sqnr < Math.min(budget.sqnr, 200)) {
    const by = (budget.sqnr - accuracy.sqnr).toFixed(1)
    misses.push(`${accuracy.sqnr.toFixed(1)} dB is ${by} dB short of ${budget.sqnr} dB`)
  }
  if (budget.cosine !== undefined && accuracy.cosine < budget.cosine) {
    misses.push(`cosine ${accuracy.cosine.toFixed(5)} is below ${budget.cosine}`)
  }
  if (budget.top1 !== undefined && accuracy.top1 !== undefined && accuracy.top1 < budget.top1) {
    misses.push(
      `the best class stays the same in ${percent(accuracy.top1)} of rows, not in ${percent(budget.top1)}`,
    )
  }
  return misses.length === 0 ? { within: true } : { within: false, reason: misses.join(', ') }
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
