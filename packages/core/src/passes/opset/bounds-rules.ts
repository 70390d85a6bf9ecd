import { floatToInput, floatTypeOf, intsToInput, noFloatType, type OpsetRule } from './rule'

/** Clip and Pad, whose attributes became inputs of the type of the data. */
export const boundsRules: readonly OpsetRule[] = [
  {
    operator: 'Clip',
    at: 11,
    refuse(node, upgrade) {
      const plain = node.attribute('min') === undefined && node.attribute('max') === undefined
      return plain || floatTypeOf(node, upgrade) !== undefined ? undefined : noFloatType
    },
    apply(node, upgrade) {
      const type = floatTypeOf(node, upgrade) ?? 'float32'
      floatToInput(node, 'min', 1, type)
      floatToInput(node, 'max', 2, type)
    },
  },
  {
    operator: 'Pad',
    at: 11,
    refuse(node, upgrade) {
      if (node.attribute('pads') === undefined) return 'has no pads'
      return node.float('value', 0) === 0 || floatTypeOf(node, upgrade) !== undefined
        ? undefined
        : noFloatType
    },
    apply(node, upgrade) {
      const type = floatTypeOf(node, upgrade) ?? 'float32'
      intsToInput(node, 'pads', 1)
      // Zero is the default of the input as well.
      if (node.float('value', 0) === 0) node.removeAttribute('value')
      else floatToInput(node, 'value', 2, type)
    },
  },
]
