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
  // Node's own engine is faster there than WebAssembly, and WebAssembly than a GPU that is software: whatever the order.
  const software = !provider && !target && (await inSoftware())
  const isLate = (variant: AssetVariant) =>
    nodeFiles() ? variant.provider !== 'cpu' : software && variant.provider === 'webgpu'
  const late = variants.filter(isLate)
  const order = [...variants.filter((variant) => !isLate(variant)), ...late]
  const waiting = software ? late.map((variant) => skip(variant, 'WebGPU is software here')) : []
  if (!after) skipped.push(...waiting)
  for (const variant of order.slice(after ? order.indexOf(after) + 1 : 0)) {
    const asked = (!provider || provider === variant.provider) && (!target || target === variant.target)
    const reason = !asked
      ? 'another was asked for'
      : engines[engineOf[variant.provider]]
        ? await missing(variant)
        : `the build holds no onnxruntime for ${variant.provider}`
    // Its turn came after all.
    const entry = skipped.indexOf(waiting[late.indexOf(variant)] as Skipped)
    if (entry >= 0) skipped.splice(entry, 1)
    if (!reason) yield variant
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
