import { axesRules } from './axes-rules'
import { boundsRules } from './bounds-rules'
import { normalizationRules } from './normalization-rules'
import { removedRules } from './removed-rules'
import { resizeRules } from './resize-rules'
import { type OpsetRule, text } from './rule'
import { scanRules } from './scan-rules'
import { softmaxRules } from './softmax-rules'

/** Every change between opset 7 and 21 that a node can't just live with. */
export const opsetRules: readonly OpsetRule[] = [
  ...axesRules,
  ...boundsRules,
  ...normalizationRules,
  ...removedRules,
  ...resizeRules,
  ...scanRules,
  ...softmaxRules,
  {
    operator: 'Scatter',
    at: 11,
    apply(node) {
      node.opType = 'ScatterElements'
    },
  },
  {
    operator: 'Erf',
    at: 13,
    refuse(node, { types }) {
      const [input] = node.inputs
      return input && /int/.test(types.get(input) ?? '')
        ? 'computes on integers, which opset 13 dropped'
        : undefined
    },
  },
  {
    operator: 'RoiAlign',
    at: 16,
    apply: (node) => node.setAttribute('coordinate_transformation_mode', text('output_half_pixel')),
  },
  {
    operator: 'GridSample',
    at: 20,
    apply(node) {
      const mode = node.string('mode', 'bilinear')
      const renamed = mode === 'bilinear' ? 'linear' : mode === 'bicubic' ? 'cubic' : mode
      node.setAttribute('mode', text(renamed))
    },
  },
]

/** Chains of rules that meet an operator under another name. */
export const renamedTo: Readonly<Record<string, { readonly at: number; readonly operator: string }>> = {
  Upsample: { at: 11, operator: 'Resize' },
  Scatter: { at: 11, operator: 'ScatterElements' },
}
