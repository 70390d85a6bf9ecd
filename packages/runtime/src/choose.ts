import { engineOf, inSoftware, missing, nodeFiles } from './detect'
import * as errors from './errors'
import { messageOf, OnnxError } from './errors'
import type { AssetDescriptor, AssetVariant, EngineSource, LoadOptions, Skipped } from './types'

/**
 * What comes of the first variant that this device runs and with which something can be done, in order of preference. Where
 * WebGPU is software, its variants come last, unless the caller asks for one.
 * @param skipped gets those that the device can't run, that the caller rules out, and that failed
 * @param after only those that come after this one
 * @throws what all attempts threw, if that has one code; else OnnxError ONNX_NO_VARIANT. The signal's reason
 */
export async function firstOf<T>(
  { name, variants, engines }: AssetDescriptor,
  { provider, target, signal }: LoadOptions,
  attempt: (variant: AssetVariant, source: EngineSource) => Promise<T>,
  skipped: Skipped[] = [],
  after?: AssetVariant,
): Promise<T> {
  signal?.throwIfAborted()
  const slow = !provider && !target && (await inSoftware())
  // Node's own engine is faster there than WebAssembly, whatever the order for browsers.
  const isLate = (variant: AssetVariant) =>
    nodeFiles() ? variant.provider !== 'cpu' : slow && variant.provider === 'webgpu'
  const late = variants.filter(isLate)
  const order = [...variants.filter((variant) => !isLate(variant)), ...late]
  const failures: unknown[] = []
  // From the first where there is none before: its index is -1.
  for (const variant of order.slice(order.indexOf(after as AssetVariant) + 1)) {
    const source = engines[engineOf[variant.provider]]
    let reason: string | undefined = 'another was asked for'
    if ((provider ?? variant.provider) === variant.provider && (target ?? variant.target) === variant.target)
      reason = source ? await missing(variant) : `the build holds no onnxruntime for ${variant.provider}`
    if (!reason && source) {
      try {
        const done = await attempt(variant, source)
        if (slow && !after && !isLate(variant))
          skipped.push(...late.map((each) => skip(each, 'WebGPU is software here')))
        return done
      } catch (cause) {
        signal?.throwIfAborted()
        failures.push(cause)
        reason = messageOf(cause)
      }
    }
    skipped.push(skip(variant, reason ?? ''))
  }
  throw exhausted(name, skipped, failures)
}

export const skip = ({ target, provider }: AssetVariant, reason: string): Skipped => ({
  target,
  provider,
  reason,
})

/** The error when nothing is left: the one that all share, or a list of reasons. */
function exhausted(model: string, skipped: readonly Skipped[], failures: readonly unknown[]): unknown {
  const [first] = failures
  const code = first instanceof OnnxError && first.code
  if (code && failures.every((each) => each instanceof OnnxError && each.code === code)) return first
  return errors.noVariant(model, skipped.map(({ target, reason }) => `${target}: ${reason}.`).join(' '))
}
