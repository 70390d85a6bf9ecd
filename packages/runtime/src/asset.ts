import { exhausted, skip, usable } from './choose'
import { engineOf } from './detect'
import { type Held, hold, loaded } from './download'
import { loadEngine } from './engine'
import { messageOf } from './errors'
import { openSession } from './session'
import type { AssetDescriptor, AssetVariant, EngineSource, LoadOptions, OnnxAsset, Skipped } from './types'

/** Makes the default export of a generated model module. Bundlers' code calls it; people import the model. */
export function defineAsset<Inputs, Outputs>(descriptor: AssetDescriptor): OnnxAsset<Inputs, Outputs> {
  const { name, inputs, outputs, variants, engines } = descriptor

  /** Downloads the first variant that this device runs and that an action succeeds on. */
  const withFiles =
    <T>(action: (variant: AssetVariant, held: Held) => Promise<T>) =>
    async (options: LoadOptions = {}): Promise<T> => {
      const skipped: Skipped[] = []
      const failures: unknown[] = []
      for await (const variant of usable(descriptor, options, skipped)) {
        let held: Held | undefined
        try {
          held = hold(descriptor, variant, options)
          return await action(variant, held)
        } catch (cause) {
          options.signal?.throwIfAborted()
          failures.push(cause)
          skipped.push(skip(variant, messageOf(cause)))
        } finally {
          held?.release()
        }
      }
      throw exhausted(name, skipped, failures)
    }

  return {
    name,
    inputs,
    outputs,
    variants,
    open: (options = {}) => openSession(descriptor, options),
    preload: withFiles(async (variant, { files, kept }) => {
      await Promise.all([files, loadEngine(engines[engineOf[variant.provider]] as EngineSource)])
      await kept
      return variant
    }),
    load: withFiles(loaded),
  }
}
