import { exhausted, skip, usable } from './choose'
import { download } from './download'
import { messageOf } from './errors'
import { openSession } from './session'
import type { AssetDescriptor, OnnxAsset, Skipped } from './types'

/** Makes the default export of a generated model module. Bundlers' code calls it; people import the model. */
export function defineAsset<Inputs, Outputs>(descriptor: AssetDescriptor): OnnxAsset<Inputs, Outputs> {
  const { name, inputs, outputs, variants } = descriptor
  return {
    name,
    inputs,
    outputs,
    variants,
    open: (options = {}) => openSession(descriptor, options),
    async load(options = {}) {
      const skipped: Skipped[] = []
      const failures: unknown[] = []
      for await (const variant of usable(descriptor, options, skipped)) {
        try {
          return { bytes: await download(name, variant, options), variant }
        } catch (cause) {
          options.signal?.throwIfAborted()
          failures.push(cause)
          skipped.push(skip(variant, messageOf(cause)))
        }
      }
      throw exhausted(name, skipped, failures)
    },
  }
}
