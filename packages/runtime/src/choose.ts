import { engineOf, missing, nodeFiles } from './detect'
import { errors, OnnxError } from './errors'
import type { AssetDescriptor, AssetVariant, LoadOptions, Skipped } from './types'

/**
 * The variants that this device runs, in order of preference; those that it can't, and those the caller rules out, go to
 * `skipped`.
 * @param after only those that come after this one
 */
export async function* usable(
  { variants, engines }: AssetDescriptor,
  { provider, target }: LoadOptions,
  skipped: Skipped[],
  after?: AssetVariant,
): AsyncGenerator<AssetVariant, undefined> {
  // Node's own engine is faster there than WebAssembly, whatever the order for browsers.
  const native = ({ provider }: AssetVariant) => Number(provider === 'cpu')
  const order = nodeFiles() ? [...variants].sort((a, b) => native(b) - native(a)) : variants
  for (const variant of order.slice(after ? order.indexOf(after) + 1 : 0)) {
    const asked = (!provider || provider === variant.provider) && (!target || target === variant.target)
    const engine = engineOf[variant.provider]
    const reason = !asked
      ? 'another was asked for'
      : engine && engines[engine]
        ? await missing(variant.provider)
        : `the build holds no onnxruntime for ${variant.provider}`
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
