import type { Gram } from '../kernels/gram'

/**
 * Share of the mean of the Hessian's diagonal that is added to the diagonal: 1 %, as GPTQ and SparseGPT have it, and more
 * where there are fewer rows than features, which would fit whatever the samples happen to be.
 */
export const dampingFor = ({ features, count }: Gram): number => 0.01 + (0.05 * features) / Math.max(1, count)
