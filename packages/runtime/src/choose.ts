import { engineOf, inSoftware, missing, nodeFiles } from './detect'
import { errors, OnnxError } from './errors'
import type { AssetDescriptor, AssetVariant, LoadOptions, Skipped } from './types'

/**
 * The variants that this device runs, in order of preference; those that it can't, and those the caller rules out, go to
 * `skipped`. Where WebGPU is software, its variants come last, unless the caller asks for one.
 * @param after only those that come after this one
 */
export async function* usable(
  { variants, engines }: AssetDescriptor,
  { provider, target }: LoadOptions,
  skipped: Skipped[],
  after?: AssetVariant,
): AsyncGenerator<AssetVariant, undefined> {
  const slow = !provider && !target && (await inSoftware())
  const isSlow = (variant: AssetVariant) => slow && variant.provider === 'webgpu'
  // Node's own engine is faster there than WebAssembly, whatever the order for browsers.
  const rank = (variant: AssetVariant) =>
    nodeFiles() ? Number(variant.provider !== 'cpu') : Number(isSlow(variant))
  const order = [...variants].sort((a, b) => rank(a) - rank(b))
  const late = order.filter(isSlow).map((variant) => skip(variant, 'WebGPU is software here'))
  if (!after) skipped.push(...late)
  for (const variant of order.slice(after ? order.indexOf(after) + 1 : 0)) {
    const asked = (!provider || provider === variant.provider) && (!target || target === variant.target)
    const reason = !asked
      ? 'another was asked for'
      : engines[engineOf[variant.provider]]
        ? await missing(variant)
        : `the build holds no onnxruntime for ${variant.provider}`
    if (isSlow(variant)) {
      // Its turn came after all.
      const entry = skipped.findIndex(
        ({ target, reason }) => target === variant.target && reason === late[0]?.reason,
      )
      if (entry !== -1) skipped.splice(entry, 1)
    }
    if (reason === undefined) yield variant
    else skipped.push(skip(variant, reason))
  }
  return undefined
}

export const skip = ({ target, provider }: AssetVariant, reason: string): Skipped => ({
  target,
  provider,
  reason,
})

/** The error when nothing is left: the one that all share, or a list of reasons. */
export function exhausted(model: string, skipped: readonly Skipped[], failures: readonly unknown[]): Error {
  const [first] = failures
  if (
    first instanceof OnnxError &&
    failures.every((each) => each instanceof OnnxError && each.code === first.code)
  )
    return first
  return errors.noVariant(model, skipped.map(({ target, reason }) => `${target}: ${reason}.`).join(' '))
}
