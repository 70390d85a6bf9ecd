import { firstOf } from './choose'
import { download } from './download'
import { loadEngine } from './engine'
import { openSession } from './session'
import type { AssetDescriptor, OnnxAsset } from './types'

/** Makes the default export of a generated model module. Bundlers' code calls it; people import the model. */
export function defineAsset<Inputs, Outputs>(descriptor: AssetDescriptor): OnnxAsset<Inputs, Outputs> {
  const { name, inputs, outputs, variants } = descriptor
  return {
    name,
    inputs,
    outputs,
    variants,
    open: (options = {}) => openSession(descriptor, options),
    load: (options = {}) =>
      firstOf(descriptor, options, async (variant) => ({
        variant,
        ...(await download(descriptor, variant, options)),
      })),
    preload: (options = {}) =>
      firstOf(descriptor, options, async (variant, source) => {
        await Promise.all([download(descriptor, variant, options, true), loadEngine(source)])
        return variant
      }),
  }
}
